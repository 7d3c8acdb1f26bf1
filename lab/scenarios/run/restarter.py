"""Restarts a stopped server at its end time, or when the process that stopped it exits.

`python -m lab.scenarios.run.restarter NOTE lease|stay`: with `lease` standard input is a pipe that the other one holds
open until it exits. See `lab.scenarios.run.stopped_servers`.
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

# How often the note is looked at, and how long a server that does not come up is tried again.
_TICK = 0.25
_TRIES_SECONDS = 300
# A command that was on its latency to the engine when its run was killed stops the server once more.
_RECHECK_SECONDS = 10.0


def main() -> None:
    """Watch one note to its end."""
    file, leashed = Path(sys.argv[1]), sys.argv[2] == "lease"
    note = read(file)
    if note is None:
        return
    print("ready", flush=True)
    # The reader has exited: further output would fail.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    orphaned = _watch(file, note, leashed=leashed)
    if _is_current(file, note):
        _say(f"{note.server}: {'its owner has exited' if orphaned else 'its end time has passed'}, starting it")
        _bring_back(file, note, again=orphaned)


def _watch(file: Path, note: StopRecord, *, leashed: bool) -> bool:
    """Wait until the note is gone, its time is over (False), or the other end of the pipe is closed (True)."""
    while _is_current(file, note) and (left := note.ends_at - time.time()) > 0:
        tick = min(left, _TICK)
        if not leashed:
            time.sleep(tick)
        elif select.select([sys.stdin], [], [], tick)[0]:
            return True
    return False


def _bring_back(file: Path, note: StopRecord, *, again: bool) -> None:
    deadline = time.monotonic() + _TRIES_SECONDS
    until = time.monotonic() + (_RECHECK_SECONDS if again else 0.0)
    while _is_current(file, note):
        settings = LabSettings.running()
        if settings.engine() is None:
            _say(f"{note.server}: the lab does not run any more")
            file.unlink(missing_ok=True)
            return
        try:
            choose(settings).engine.start([note.server])
        except (LabError, OSError) as error:
            _say(f"{note.server}: {error}")
            if time.monotonic() > deadline:
                return
        else:
            if time.monotonic() >= until:
                _say(f"{note.server}: it runs")
                file.unlink(missing_ok=True)
                return
        time.sleep(1)


def _is_current(file: Path, note: StopRecord) -> bool:
    found = read(file)
    return found is not None and found.token == note.token


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
