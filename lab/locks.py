"""Locks of a lab."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from lab.errors import LabError
from lab.settings import LabSettings


@contextmanager
def lab_lock(settings: LabSettings, command: str) -> Iterator[None]:
    """Hold the lock of a lab, so that one command at a time starts and stops its servers.

    Raises:
        LabError: another command holds it; the message names it.
    """
    # The PyPI package filelock truncates the file before it has the lock, which would delete the holder's name.
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LabError(
                f"Another command changes this lab: {file.read().strip()}.", "Wait for it, or stop it."
            ) from None
        file.truncate(0)
        file.write(f"`lab {command}`, process id {os.getpid()}")
        file.flush()
        yield
