"""Asks a server program for its version, which also shows that it runs on this machine."""

import errno
import re
import subprocess
import time
from pathlib import Path

_VERSION = re.compile(r"version[ :]+v?(\d+\.\d+\.\d+)")
_BUSY_SECONDS = 5


def version_of(program: Path | str) -> str | None:
    """What `--version` says; None where the program does not run or says nothing of the kind."""
    for flag in ("--version", "-version"):
        try:
            if found := _VERSION.search(_said([str(program), flag])):
                return found[1]
        except (OSError, subprocess.TimeoutExpired):
            continue
    return None


def _said(command: list[str]) -> str:
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=20)
            return done.stdout + done.stderr
        except OSError as error:
            # A program that was just written is "busy" for the moment in which another thread's child, started
            # meanwhile, still holds it open.
            if error.errno != errno.ETXTBSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
