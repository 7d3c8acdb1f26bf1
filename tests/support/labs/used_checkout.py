"""A checkout in use by a developer: what must not come into an image lies in it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.settings import ROOT

# Where secrets, personal data and what one machine made for itself come to lie.
RUBBISH = (
    ".git/config",
    ".git/objects/ab/cdef",
    ".lab/native/data/secrets/admin_token",
    ".lab/state.json",
    ".venv/bin/python",
    ".pytest_cache/README.md",
    "tests/unit/test_it.py",
    "docs/architecture.md",
    "notes.txt",
    "id_rsa",
    "services/.env",
    "services/assistant/.env.local",
    "services/assistant/.git-credentials",
    "services/assistant/assistant.db",
    "services/assistant/assistant.db-wal",
    "services/assistant/access.log",
    "services/assistant/__pycache__/app.cpython-311.pyc",
    "services/.mypy_cache/3.11/x.json",
    "services/lab.egg-info/PKG-INFO",
    "loadtest/__pycache__/users.cpython-311.pyc",
    "loadtest/scenarios/.ipynb_checkpoints/a.py",
    "requirements/.dev.txt.swp",
)


def used_checkout(folder: Path) -> set[str]:
    """Fill `folder` with the checkout and with rubbish; returns the files that an image may be made of."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout: which files belong to it is not known")
    files = [name for name in tracked.stdout.split("\0") if name and (ROOT / name).is_file()]
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for name in RUBBISH:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("hunter2")
    return {name for name in files if name.startswith(("services/", "loadtest/", "requirements/"))}
