"""The secrets of a native lab: files that only their owner may read, made once or given."""

import secrets
from pathlib import Path
from typing import Final

from lab.files import write_atomically

# Those of `services/init` that a native lab needs; it has no Postgres.
NAMES: Final = ("admin_token", "grafana_admin_password")


def write_missing(folder: Path) -> None:
    """Write a random secret for each of `NAMES` that has no file."""
    _make_private(folder)
    for name in NAMES:
        if not (folder / name).exists():
            store(folder, name, secrets.token_urlsafe(32))


def store(folder: Path, name: str, value: str) -> None:
    """Replace a secret; an empty value deletes it.

    Raises:
        OSError: the folder cannot be written.
    """
    _make_private(folder)
    if not value:
        (folder / name).unlink(missing_ok=True)
        return
    write_atomically(folder / name, value, mode=0o600)


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
