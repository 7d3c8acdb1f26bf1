"""A memory leak: really resident, bounded by the limit and by the machine, given back at the end."""

import math
import mmap
import time
from collections.abc import Callable

import psutil
from flask import Flask
from opentelemetry import trace

from services.assistant.context import Assistant
from services.assistant.faults import at_hand
from services.assistant.faults.kinds import MEMORY_LEAK
from services.telemetry import Telemetry
from services.telemetry.runtime import memory_limit
from services.web.faults import SPAN_ATTRIBUTE, ActiveFault

_STEP_SECONDS = 0.25
# What is left to everybody else on the machine, whatever was ordered.
_MACHINE_RESERVE = 0.1
# Shares of the limit whose passing is told.
_TOLD = (50, 60, 70, 80, 90)


def init_app(app: Flask, assistant: Assistant) -> None:
    """Join the app: the leak runs beside the requests, and their spans tell of it."""
    limit = memory_limit(assistant.telemetry.settings.memory_limit)
    faults, process = assistant.faults, psutil.Process()
    faults.when_on(MEMORY_LEAK.name, lambda fault: leak(fault, limit, assistant.telemetry))

    @app.before_request
    def mark() -> None:
        fault = faults.active(MEMORY_LEAK.name)
        if fault and at_hand.route():
            span = trace.get_current_span()
            span.set_attribute(SPAN_ATTRIBUTE, fault.shown)
            span.set_attribute("process.memory.usage", process.memory_info().rss)


def room(limit: int, percent: float) -> int:
    """Bytes that the process may still grow: up to a share of its limit, and never at the cost of the machine."""
    machine = psutil.virtual_memory()
    own = int(limit * percent / 100) - psutil.Process().memory_info().rss
    return max(0, min(own, machine.available - int(machine.total * _MACHINE_RESERVE)))


def leak(fault: ActiveFault, limit: int, telemetry: Telemetry) -> None:
    """Grow until the fault is over, then give everything back."""
    kept: list[mmap.mmap] = []
    percent = fault.parameters["limit_percent"]
    speed = fault.parameters["bytes_per_second"] * fault.strength
    tell = _teller(telemetry, limit)
    last = time.monotonic()
    try:
        while not fault.over.wait(_STEP_SECONDS):
            now = time.monotonic()
            pages = math.floor(min(speed * (now - last), room(limit, percent)) / mmap.PAGESIZE)
            last = now
            if pages > 0:
                kept.append(_resident(pages))
            tell()
    finally:
        for block in kept:
            block.close()


def _resident(pages: int) -> mmap.mmap:
    """Memory of the process that the system has really given, and takes back when it is closed."""
    block = mmap.mmap(-1, pages * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(pages):
        block[page * mmap.PAGESIZE] = 1
    return block


def _teller(telemetry: Telemetry, limit: int) -> Callable[[], None]:
    """Make what writes a line each time a further share of the limit is passed."""
    process = psutil.Process()
    reached = 100 * process.memory_info().rss / limit
    waiting = [share for share in _TOLD if share > reached]

    def tell() -> None:
        used = process.memory_info().rss
        while waiting and 100 * used >= waiting[0] * limit:
            share = waiting.pop(0)
            telemetry.log(
                "performance",
                "memory.high",
                f"memory is above {share} % of its limit",
                level="warning",
                logger="assistant.memory",
                used_bytes=used,
                limit_bytes=limit,
            )

    return tell
