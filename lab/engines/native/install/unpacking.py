"""Unpacks downloaded archives: no file outside the target, no links, only the wanted files.

Python 3.11.0 to 3.11.3 have no filters in `tarfile`, so this module has the few rules that are needed.
"""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError)


class DamagedError(Exception):
    """An archive that cannot, or must not, be unpacked; the message says why."""


@dataclass(frozen=True)
class Member:
    """One file in an archive: its path, its size in bytes, and the function that opens it."""

    path: PurePosixPath
    size: int
    executable: bool
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, target: Path, programs: Mapping[str, str], whole: bool) -> None:
    """Write the programs of an archive, or all of it, into `target`.

    Args:
        archive: a .zip or .tar.gz file.
        target: an existing folder.
        programs: name in `target` by name in the archive of each executable.
        whole: write every file, under its name in the archive without the folder around all of them.

    Raises:
        DamagedError: it is damaged, has names that lead outside, or lacks a program.
        OSError: it cannot be read or written.
    """
    with _members(archive) as found:
        if absent := [name for name in programs if name not in found]:
            raise DamagedError(f"there is no `{absent[0]}` in it")
        wanted = {name: name for name in found} if whole else dict(programs)
        for inside, outside in wanted.items():
            member = found[inside]
            path = target / outside
            path.parent.mkdir(parents=True, exist_ok=True)
            with _readable(), path.open("wb") as file:
                source = member.open()
                if source is None:
                    raise DamagedError(f"`{inside}` leads nowhere")
                with source:
                    shutil.copyfileobj(source, file, 1 << 20)
            path.chmod(0o755 if inside in programs or member.executable else 0o644)


def needed(archive: Path, programs: Mapping[str, str], whole: bool) -> int:
    """Return the bytes that `unpack` writes."""
    with _members(archive) as members:
        return sum(member.size for name, member in members.items() if whole or name in programs)


@contextmanager
def _members(archive: Path) -> Iterator[dict[str, Member]]:
    with ExitStack() as stack:
        with _readable():
            if archive.name.endswith(".zip"):
                members = list(_in_zip(stack.enter_context(zipfile.ZipFile(archive))))
            else:
                members = list(_in_tar(stack.enter_context(tarfile.open(archive, "r:gz"))))
        yield _by_name(members)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise DamagedError(f"it is damaged ({error})") from error
    except OSError as error:
        # Python's gzip reports damage as an OSError without errno.
        if error.errno is not None:
            raise
        raise DamagedError(f"it is damaged ({error})") from error


def _in_tar(opened: tarfile.TarFile) -> Iterator[Member]:
    for entry in opened:
        name = _inside(entry.name)
        if entry.isfile() or entry.issym() or entry.islnk():
            # A link becomes a copy of its target in the archive, so that none can lead outside.
            yield Member(name, entry.size, bool(entry.mode & 0o100), partial(opened.extractfile, entry))
        elif not entry.isdir():
            raise DamagedError(f"`{entry.name}` is a device")


def _in_zip(opened: zipfile.ZipFile) -> Iterator[Member]:
    for entry in opened.infolist():
        if not entry.is_dir():
            executable = bool(entry.external_attr >> 16 & 0o100)
            yield Member(_inside(entry.filename), entry.file_size, executable, partial(opened.open, entry))


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise DamagedError(f"`{name}` leads outside")
    return path


def _by_name(members: list[Member]) -> dict[str, Member]:
    """Return the members by their names without the folder around all of them, if there is one."""
    tops = {member.path.parts[0] for member in members}
    skipped = int(len(tops) == 1 and all(len(member.path.parts) > 1 for member in members))
    return {str(PurePosixPath(*member.path.parts[skipped:])): member for member in members}
