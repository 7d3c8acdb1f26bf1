"""Files that readers see whole or not at all."""

from pathlib import Path


def write_atomically(path: Path, content: str | bytes, mode: int | None = None) -> None:
    """Replace a file with `content` in one step; `mode` are its permissions from the first byte on.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    draft = path.with_name(f".{path.name}.new")
    if mode is not None:
        draft.unlink(missing_ok=True)
        draft.touch(mode=mode)
    draft.write_bytes(content.encode() if isinstance(content, str) else content)
    draft.replace(path)
