"""Secrets in the folder SECRETS_DIR.

`python -m services.init` writes missing secrets, and checks that the other volumes are writable.
`python -m services.init store NAME` stores standard input as a secret that users set.
"""

import os
import sys
from pathlib import Path

from services.init.files import store, write_missing


def main() -> int:
    """Write or store secrets; return the exit code.

    0: all secrets exist; 1: a folder cannot be written; 2: SECRETS_DIR is not set, or users cannot set the secret.
    """
    folder = os.environ.get("SECRETS_DIR")
    if not folder:
        sys.stderr.write("SECRETS_DIR names no folder.\n")
        return 2
    try:
        if sys.argv[1:2] == ["store"] and len(sys.argv) == 3:
            store(Path(folder), sys.argv[2], sys.stdin.read().strip())
            return 0
        written = write_missing(Path(folder))
    except OSError as error:
        sys.stderr.write(f"Secrets cannot be written to {folder} ({error.strerror}): is its volume another user's?\n")
        return 1
    except KeyError as error:
        sys.stderr.write(f"Users cannot set a secret {error}.\n")
        return 2
    foreign = [path for path in map(Path, os.environ.get("WRITABLE", "").split()) if not _writable(path)]
    for path in foreign:
        # Reported once, instead of a stack trace of each service.
        sys.stderr.write(
            f"{path}: permission denied for user {os.geteuid()}; its volume belongs to user {path.stat().st_uid}.\n"
        )
    if foreign:
        return 1
    sys.stdout.write(f"Secrets made: {', '.join(written)}.\n" if written else "All secrets exist.\n")
    return 0


def _writable(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK | os.X_OK)


if __name__ == "__main__":
    raise SystemExit(main())
