"""A data folder that fills up: with a real file, bounded by the folder's quota and by a reserve of the disk."""

import os
from pathlib import Path
from typing import BinaryIO

from services.assistant.app_state import Assistant
from services.assistant.faults.kinds import DISK_FILLING
from services.assistant.faults.thresholds import ThresholdLogger, log_performance
from services.assistant.storage.disk_quota import DiskQuota
from services.telemetry import Telemetry
from services.web.faults import ActiveFault

_STEP_SECONDS = 0.1
# Random, because some file systems store zeros as holes.
_CHUNK = os.urandom(4 * 1024**2)
_CHUNKS_A_STEP = 4
# Bytes of the disk that stay free for other programs, whatever the parameters.
MACHINE_RESERVE = 1024**3
_NAME = "disk-filling-{}.bin"
# Percent of the quota in use; each is logged once.
_LOG_THRESHOLDS = (50, 80, 90, 95)


def init_app(assistant: Assistant) -> None:
    """Remove the files of a killed process, and start the filling with its fault."""
    quota = assistant.disk_quota
    for left in quota.folder.glob(_NAME.format("*")):
        left.unlink(missing_ok=True)
    assistant.faults.on_start(DISK_FILLING.name, lambda fault: fill(fault, quota, assistant.telemetry))


def fill(fault: ActiveFault, quota: DiskQuota, telemetry: Telemetry) -> None:
    """Fill the folder up to the fault's share of the quota until the fault ends, then remove the file."""
    path = quota.folder / _NAME.format(fault.id)
    goal = int(quota.limit * fault.parameters["percent"] * fault.intensity / 100)

    def write(threshold: int) -> None:
        message = f"no more than {100 - threshold} % of the data folder's quota is left"
        log_performance(
            telemetry, "disk.low", message, "assistant.disk", free_bytes=quota.free(), limit_bytes=quota.limit
        )

    thresholds = ThresholdLogger(_LOG_THRESHOLDS, quota.used_percent(), write)
    try:
        with path.open("wb", buffering=0) as file:
            while not fault.ended.wait(_STEP_SECONDS):
                _step(file, path, quota, goal)
                thresholds.log(quota.used_percent())
    except OSError as error:
        telemetry.exception("the data folder could not be filled", error)
    finally:
        path.unlink(missing_ok=True)


def _step(file: BinaryIO, path: Path, quota: DiskQuota, goal: int) -> None:
    """Grow towards the goal; shrink when other files need the space."""
    own = file.tell()
    others = quota.used() - path.stat().st_blocks * 512
    wanted = max(0, min(goal - others, own + quota.disk_free() - MACHINE_RESERVE))
    if wanted < own:
        file.seek(wanted)
        file.truncate()
    for _ in range(_CHUNKS_A_STEP):
        missing = wanted - file.tell()
        if missing > 0:
            file.write(_CHUNK[:missing])
