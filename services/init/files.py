"""Secrets as files: generated once or set by users, never printed."""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NAMES: Final = ("admin_token", "grafana_admin_password", "postgres_password")
# Never generated: the key of the user's model provider. The lab's model server accepts any key.
GIVEN: Final = ("model_api_key",)
# Read-only for owner and group: readers run under other user ids and join the group.
MODE: Final = 0o440


def write_missing(folder: Path) -> list[str]:
    """Write a random secret for each of `NAMES` that has no file, or an empty one.

    A file is written atomically, and an existing secret is never replaced, so that two runs at once agree.

    Returns:
        The names of the secrets that this run wrote.

    Raises:
        OSError: the folder is missing or not writable.
    """
    with _locked(folder):
        missing = [name for name in NAMES if not _has_content(folder / name)]
        for name in missing:
            _write(folder / name, secrets.token_urlsafe(32))
    return missing


def store(folder: Path, name: str, value: str) -> None:
    """Replace a secret of `GIVEN`; an empty value deletes it.

    Raises:
        KeyError: users cannot set a secret of this name.
        OSError: the folder is missing or not writable.
    """
    if name not in GIVEN:
        raise KeyError(name)
    with _locked(folder):
        if value:
            _write(folder / name, value)
        else:
            (folder / name).unlink(missing_ok=True)


def _write(path: Path, value: str) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(value)
    Path(draft).chmod(MODE)
    Path(draft).replace(path)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
