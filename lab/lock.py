"""One command at a time works on a lab."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from lab.errors import LabError
from lab.settings import LabSettings


@contextmanager
def alone(settings: LabSettings, doing: str) -> Iterator[None]:
    """Hold the lab's lock, so that two commands do not start and stop the same servers.

    Raises:
        LabError: another command holds it; says which.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LabError(
                f"Another command is at work on this lab: {file.read().strip()}.", "Wait for it, or stop it."
            ) from None
        file.truncate(0)
        file.write(f"`lab {doing}`, process id {os.getpid()}")
        file.flush()
        yield
