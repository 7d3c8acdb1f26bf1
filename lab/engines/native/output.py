"""Prints the standard output of native processes."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab.engines.native.supervisor import Supervisor

_POLL_SECONDS = 0.3


def show(supervisor: Supervisor, names: Sequence[str], lines: int, follow: bool) -> None:
    """Print the last lines of each service; with `follow` also new ones, until Ctrl-C."""
    offsets: dict[str, int] = {}
    for name in names:
        for line in supervisor.tail(name, lines):
            _print_line(name, line)
        offsets[name] = _size(supervisor.output(name))
    while follow:
        for name, offset in offsets.items():
            offsets[name] = _print_new(name, supervisor.output(name), offset)
        sys.stdout.flush()
        time.sleep(_POLL_SECONDS)


def _print_line(name: str, line: str) -> None:
    print(f"{name:<13} | {line}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _print_new(name: str, path: Path, offset: int) -> int:
    """Print the output after `offset` bytes and return the new offset; a smaller file was rotated."""
    size = _size(path)
    if size < offset:
        offset = 0
    if size > offset:
        with path.open("rb") as file:
            file.seek(offset)
            for line in file.read(size - offset).decode(errors="replace").splitlines():
                _print_line(name, line)
    return size
