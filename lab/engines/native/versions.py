"""Asks a server program for its version, which also shows that it runs on this machine."""

import re
import subprocess
from pathlib import Path

_VERSION = re.compile(r"version[ :]+v?(\d+\.\d+\.\d+)")


def version_of(program: Path | str) -> str | None:
    """What `--version` says; None where the program does not run or says nothing of the kind."""
    for flag in ("--version", "-version"):
        try:
            answer = subprocess.run([program, flag], capture_output=True, text=True, check=False, timeout=20)
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
            continue
        if found := _VERSION.search(answer.stdout + answer.stderr):
            return found[1]
    return None
