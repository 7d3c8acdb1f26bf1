"""The disk quota of the data folder: a full folder does not fill the machine's disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path


class DiskQuota:
    """A folder and how many bytes it may hold. A folder that cannot be read counts as full."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit

    def used(self) -> int:
        """Return the bytes on the disk that the folder takes."""
        return sum(_sizes(self.folder))

    def disk_free(self) -> int:
        """Return the free bytes of the file system."""
        try:
            return shutil.disk_usage(self.folder).free
        except OSError:
            return 0

    def free(self) -> int:
        """Return the bytes that may still be written: the rest of the quota or of the file system, the smaller one."""
        return max(0, min(self.limit - self.used(), self.disk_free()))

    def used_percent(self) -> float:
        """Return the used share of the quota in percent; 100 when the file system is full."""
        return 100 - 100 * self.free() / self.limit


def _sizes(folder: Path) -> Iterator[int]:
    for parent, _, files in os.walk(folder):
        for file in files:
            try:
                yield Path(parent, file).lstat().st_blocks * 512
            except OSError:  # deleted in the meantime
                continue
