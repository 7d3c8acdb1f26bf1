"""The room of the data folder: it has a budget, so that a disk can be full without harm to the machine's."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path


class DataRoom:
    """A folder and how many bytes it may hold. What cannot be looked at counts as full."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit

    def used(self) -> int:
        """Bytes on the disk that the folder takes."""
        return sum(_sizes(self.folder))

    def machine_free(self) -> int:
        """Bytes that the file system has left for us."""
        try:
            return shutil.disk_usage(self.folder).free
        except OSError:
            return 0

    def free(self) -> int:
        """Bytes that may still be written: what is left of the budget or of the file system, whichever is less."""
        return max(0, min(self.limit - self.used(), self.machine_free()))


def _sizes(folder: Path) -> Iterator[int]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(Path(entry.path))
            else:
                yield entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:  # gone in the meantime
            continue
