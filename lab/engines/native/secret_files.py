"""The secrets of a native lab: files that only their owner may read, made once or given."""

import secrets
from pathlib import Path
from typing import Final

# Those of `services/init` that a native lab needs; it has no Postgres.
NAMES: Final = ("admin_token", "grafana_admin_password")


def write_missing(folder: Path) -> None:
    """Write a random secret for each of `NAMES` that has no file."""
    _make_private(folder)
    for name in NAMES:
        if not (folder / name).exists():
            store(folder, name, secrets.token_urlsafe(32))


def store(folder: Path, name: str, value: str) -> None:
    """Put a secret in the place of what stands there, whole or not at all; an empty one is taken away.

    Raises:
        OSError: the folder cannot be written.
    """
    _make_private(folder)
    if not value:
        (folder / name).unlink(missing_ok=True)
        return
    draft = folder / f".new-{name}"
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(value, encoding="utf-8")
    draft.replace(folder / name)


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
