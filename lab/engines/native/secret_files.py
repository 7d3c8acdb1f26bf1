"""The secrets of a native lab: files that only their owner may read, made once."""

import secrets
from pathlib import Path
from typing import Final

# Those of `services/init` that a native lab needs; it has no Postgres.
NAMES: Final = ("admin_token", "grafana_admin_password")


def write_missing(folder: Path) -> None:
    """Write a random secret for each of `NAMES` that has no file."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in NAMES:
        file = folder / name
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(32), encoding="utf-8")
