"""A memory leak: resident memory, bounded by the limit and by the machine, freed at the end."""

import math
import mmap
import time

import psutil

from services.assistant.app_state import Assistant
from services.assistant.faults.kinds import MEMORY_LEAK
from services.assistant.faults.thresholds import ThresholdLogger, log_performance
from services.telemetry import Telemetry
from services.telemetry.runtime import memory_limit
from services.web.faults import ActiveFault

_STEP_SECONDS = 0.25
# Share of the machine's memory that stays free for other programs, whatever the parameters.
_MACHINE_RESERVE = 0.1
# Percent of the limit; each is logged once.
_LOG_THRESHOLDS = (50, 60, 70, 80, 90)


def init_app(assistant: Assistant) -> None:
    """Start a leak with its fault."""
    limit = memory_limit(assistant.telemetry.settings.memory_limit)
    assistant.faults.on_start(MEMORY_LEAK.name, lambda fault: leak(fault, limit, assistant.telemetry))


def used() -> int:
    """Return the resident bytes of this process."""
    return int(psutil.Process().memory_info().rss)


def headroom(limit: int, percent: float) -> int:
    """Return the bytes that the process may still grow: up to a share of its limit and of the machine's memory."""
    machine = psutil.virtual_memory()
    own = int(limit * percent / 100) - used()
    return max(0, min(own, machine.available - int(machine.total * _MACHINE_RESERVE)))


def leak(fault: ActiveFault, limit: int, telemetry: Telemetry) -> None:
    """Grow up to the fault's share of `limit` bytes until the fault ends, then free the memory."""
    blocks: list[mmap.mmap] = []
    percent = fault.parameters["limit_percent"]
    speed = fault.parameters["bytes_per_second"] * fault.intensity

    def write(threshold: int) -> None:
        message = f"memory is above {threshold} % of its limit"
        log_performance(telemetry, "memory.high", message, "assistant.memory", used_bytes=used(), limit_bytes=limit)

    thresholds = ThresholdLogger(_LOG_THRESHOLDS, 100 * used() / limit, write)
    last = time.monotonic()
    try:
        while not fault.ended.wait(_STEP_SECONDS):
            now = time.monotonic()
            pages = math.floor(min(speed * (now - last), headroom(limit, percent)) / mmap.PAGESIZE)
            last = now
            if pages > 0:
                blocks.append(_resident(pages))
            thresholds.log(100 * used() / limit)
    finally:
        for block in blocks:
            block.close()


def _resident(pages: int) -> mmap.mmap:
    """Return resident memory of so many pages; closing it frees it."""
    block = mmap.mmap(-1, pages * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(pages):
        block[page * mmap.PAGESIZE] = 1
    return block
