"""A data folder that fills up: with a real file, bounded by the folder's budget and by what the machine needs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from flask import Flask
from opentelemetry import trace

from services.assistant.context import Assistant
from services.assistant.faults import at_hand
from services.assistant.faults.kinds import DISK_FILLING
from services.assistant.room import DataRoom
from services.telemetry import Telemetry
from services.web.faults import SPAN_ATTRIBUTE, ActiveFault

_STEP_SECONDS = 0.1
# Random, because some file systems keep zeros for nothing.
_CHUNK = os.urandom(4 * 1024**2)
_CHUNKS_A_STEP = 4
# What is left to everybody else on the machine, whatever was ordered.
MACHINE_RESERVE = 1024**3
_NAME = "disk-filling-{}.bin"
# Shares of the budget that are left; the passing of each is told.
_TOLD = (50, 20, 10, 5)


def init_app(app: Flask, assistant: Assistant) -> None:
    """Join the app: remove what a killed process left behind; the spans of requests tell of a folder that fills."""
    room, faults = assistant.room, assistant.faults
    for left in room.folder.glob(_NAME.format("*")):
        left.unlink(missing_ok=True)
    faults.when_on(DISK_FILLING.name, lambda fault: fill(fault, room, assistant.telemetry))

    @app.before_request
    def mark() -> None:
        fault = faults.active(DISK_FILLING.name)
        if fault and at_hand.route():
            span = trace.get_current_span()
            span.set_attribute(SPAN_ATTRIBUTE, fault.shown)
            span.set_attribute("lab.disk.free", room.free())


def fill(fault: ActiveFault, room: DataRoom, telemetry: Telemetry) -> None:
    """Fill the folder up to the share that was ordered, hold it there until the fault is over, and clean up."""
    path = room.folder / _NAME.format(fault.id)
    goal = int(room.limit * fault.parameters["percent"] * fault.strength / 100)
    tell = _teller(telemetry, room)
    try:
        with path.open("wb", buffering=0) as file:
            while not fault.over.wait(_STEP_SECONDS):
                _step(file, path, room, goal)
                tell()
    except OSError as error:
        telemetry.exception("the data folder could not be filled", error)
    finally:
        path.unlink(missing_ok=True)


def _step(file: BinaryIO, path: Path, room: DataRoom, goal: int) -> None:
    """Come nearer to the goal; give back what others need by now."""
    own = file.tell()
    others = room.used() - path.stat().st_blocks * 512
    wanted = max(0, min(goal - others, own + room.machine_free() - MACHINE_RESERVE))
    if wanted < own:
        file.seek(wanted)
        file.truncate()
    for _ in range(_CHUNKS_A_STEP):
        missing = wanted - file.tell()
        if missing > 0:
            file.write(_CHUNK[:missing])


def _teller(telemetry: Telemetry, room: DataRoom) -> Callable[[], None]:
    """Make what writes a line each time less than a further share of the budget is left."""
    waiting = [share for share in _TOLD if 100 * room.free() > share * room.limit]

    def tell() -> None:
        free = room.free()
        while waiting and 100 * free <= waiting[0] * room.limit:
            share = waiting.pop(0)
            telemetry.log(
                "performance",
                "disk.low",
                f"no more than {share} % of the data folder's room is left",
                level="warning",
                logger="assistant.disk",
                free_bytes=free,
                limit_bytes=room.limit,
            )

    return tell
