"""What native processes wrote to their standard output, told line by line."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path

from lab.engines.native.supervisor import Supervisor

_EVERY = 0.3


def show(supervisor: Supervisor, names: Iterable[str], lines: int, follow: bool) -> None:
    """Print the last lines of each service; with `follow` also what comes, until the reader interrupts."""
    offsets: dict[str, int] = {}
    for name in names:
        for line in supervisor.tail(name, lines):
            _tell(name, line)
        offsets[name] = _size(supervisor.output(name))
    while follow:
        for name, offset in offsets.items():
            offsets[name] = _print_new(name, supervisor.output(name), offset)
        sys.stdout.flush()
        time.sleep(_EVERY)


def _tell(name: str, line: str) -> None:
    print(f"{name:<13} | {line}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _print_new(name: str, path: Path, offset: int) -> int:
    """Print what stands behind `offset` bytes and return where it ends; a file that has shrunk was begun anew."""
    size = _size(path)
    if size < offset:
        offset = 0
    if size > offset:
        with path.open("rb") as file:
            file.seek(offset)
            for line in file.read(size - offset).decode(errors="replace").splitlines():
                _tell(name, line)
    return size
