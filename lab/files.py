"""Files that readers see whole or not at all."""

from pathlib import Path


def write_atomically(path: Path, text: str, mode: int | None = None) -> None:
    """Replace a file with `text` in one step; `mode` are its permissions from the first byte on.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    draft = path.with_name(f".{path.name}.new")
    if mode is not None:
        draft.unlink(missing_ok=True)
        draft.touch(mode=mode)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
