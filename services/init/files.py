"""Secrets as files: made once, never changed, never printed."""

import os
import secrets
import tempfile
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
    return [name for name in NAMES if _write(folder / name)]


def _write(path: Path) -> bool:
    if _has_content(path):
        return False
    path.unlink(missing_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
        Path(draft).chmod(MODE)
        path.hardlink_to(draft)  # unlike a rename it refuses to replace what another run has just made
    except FileExistsError:
        return False
    finally:
        Path(draft).unlink()
    return True


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
