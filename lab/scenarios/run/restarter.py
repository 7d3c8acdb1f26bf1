"""Restarts a stopped server at its end time, or when the process that stopped it exits.

`python -m lab.scenarios.run.restarter RECORD lease|stay`: with `lease` standard input is a pipe, whose other end closes
when that process exits. See `lab.scenarios.run.stopped_servers`.
"""

import os
import select
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from lab.engines.choice import choose
from lab.errors import LabError
from lab.scenarios.run.stopped_servers import StopRecord, read
from lab.settings import LabSettings

# Seconds between two reads of the record.
_TICK = 0.25
# A failed start is tried again for so long.
_RETRY_SECONDS = 300
# A killed run may have sent a last stop command to the engine, which acts after the first start.
_RECHECK_SECONDS = 10.0


def main() -> None:
    """Wait for the end of one record, and start its server."""
    file, leased = Path(sys.argv[1]), sys.argv[2] == "lease"
    record = read(file)
    if record is None:
        return
    print("ready", flush=True)
    # The reader closes the pipe: further output would fail.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    orphaned = _wait_for_end(file, record, leased=leased)
    if _is_current(file, record):
        _say(f"{record.server}: {'its owner has exited' if orphaned else 'its end time has passed'}, starting it")
        _restart(file, record, recheck=orphaned)


def _wait_for_end(file: Path, record: StopRecord, *, leased: bool) -> bool:
    """Return True when the pipe closed, False when the record was deleted or its end time has passed."""
    while _is_current(file, record) and (left := record.ends_at - time.time()) > 0:
        tick = min(left, _TICK)
        if not leased:
            time.sleep(tick)
        elif select.select([sys.stdin], [], [], tick)[0]:
            return True
    return False


def _restart(file: Path, record: StopRecord, *, recheck: bool) -> None:
    deadline = time.monotonic() + _RETRY_SECONDS
    until = time.monotonic() + (_RECHECK_SECONDS if recheck else 0.0)
    while _is_current(file, record):
        settings = LabSettings.running()
        if settings.engine() is None:
            _say(f"{record.server}: the lab does not run any more")
            file.unlink(missing_ok=True)
            return
        try:
            choose(settings).engine.start([record.server])
        except (LabError, OSError) as error:
            _say(f"{record.server}: {error}")
            if time.monotonic() > deadline:
                return
        else:
            if time.monotonic() >= until:
                _say(f"{record.server}: it runs")
                file.unlink(missing_ok=True)
                return
        time.sleep(1)


def _is_current(file: Path, record: StopRecord) -> bool:
    found = read(file)
    return found is not None and found.token == record.token


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
