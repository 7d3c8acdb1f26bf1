"""Reads the version of a server program by running it, which also proves that it runs on this machine."""

import errno
import re
import subprocess
import time
from pathlib import Path

_VERSION = re.compile(r"version[ :]+v?(\d+\.\d+\.\d+)")
_BUSY_SECONDS = 5


def version_of(program: Path | str) -> str | None:
    """Return the version that `--version` prints; None if the program does not run or prints none."""
    for flag in ("--version", "-version"):
        try:
            if found := _VERSION.search(_output_of([str(program), flag])):
                return found[1]
        except (OSError, subprocess.TimeoutExpired):
            continue
    return None


def _output_of(command: list[str]) -> str:
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=20)
            return done.stdout + done.stderr
        except OSError as error:
            # A new file is "busy" while a child that another thread has started meanwhile still has it open.
            if error.errno != errno.ETXTBSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
