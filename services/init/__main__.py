"""`python -m services.init`: write missing secrets into the folder SECRETS_DIR and end."""

import os
import sys
from pathlib import Path

from services.init.files import write_missing


def main() -> int:
    """Exit code 0: all secrets exist; 1: the folder cannot be written; 2: SECRETS_DIR is not set."""
    folder = os.environ.get("SECRETS_DIR")
    if not folder:
        sys.stderr.write("SECRETS_DIR names no folder.\n")
        return 2
    try:
        made = write_missing(Path(folder))
    except OSError as error:
        sys.stderr.write(f"Secrets cannot be written to {folder} ({error.strerror}): is its volume another user's?\n")
        return 1
    sys.stdout.write(f"Secrets made: {', '.join(made)}.\n" if made else "All secrets exist.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
