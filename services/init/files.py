"""Secrets as files: made once, never changed, never printed."""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NAMES: Final = ("admin_token", "grafana_admin_password", "postgres_password")
# Owner and group may read, nobody may write: readers run under other user ids and join the group.
MODE: Final = 0o440


def write_missing(folder: Path) -> list[str]:
    """Write a random secret for each of `NAMES` that has no file, or an empty one.

    A file appears whole or not at all, and an existing secret always wins, so that two runs at once agree.

    Returns:
        Names of the secrets that this run made.

    Raises:
        OSError: the folder is missing or not writable.
    """
    with _alone(folder):
        missing = [name for name in NAMES if not _has_content(folder / name)]
        for name in missing:
            _write(folder / name)
    return missing


def _write(path: Path) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
    Path(draft).chmod(MODE)
    Path(draft).replace(path)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
