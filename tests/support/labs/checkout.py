"""A copy of this checkout, for tests that edit what a user would edit."""

import shutil
from pathlib import Path

from lab.settings import ROOT

_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".lab", "__pycache__", ".*_cache", "*.egg-info", "tests", "images")


def copy_of_checkout(folder: Path) -> Path:
    """Everything that a lab needs, below `folder`."""
    place = folder / "checkout"
    shutil.copytree(ROOT, place, ignore=_LEFT_OUT)
    return place


def change(file: Path, old: str, new: str) -> int:
    """Change a text once; returns the line of the change."""
    text = file.read_text()
    assert old in text, f"{old} is not in {file}"
    file.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1
