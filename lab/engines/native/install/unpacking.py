"""Unpacks archives that came from elsewhere: nothing is written outside the target, no links, only what is wanted.

`tarfile`'s own filters are not in every Python 3.11, so this module has the few rules that are needed.
"""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError)


class DamagedError(Exception):
    """An archive that cannot, or must not, be unpacked; the message says why."""


@dataclass(frozen=True)
class Member:
    """One file in an archive: its name without the folder around everything, its size, and how to open it."""

    name: PurePosixPath
    size: int
    executable: bool
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, target: Path, programs: Mapping[str, str], whole: bool) -> None:
    """Write the programs of an archive, or all of it, into `target`.

    Args:
        programs: executables by their name in the archive, with the names that they get in `target`.
        whole: write every file, under the names of the archive without the folder around everything.

    Raises:
        DamagedError: it is cut or damaged, holds names that lead outside, or lacks a program.
        OSError: it cannot be read or written.
    """
    with _members(archive) as members:
        found = {str(member.name): member for member in members}
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
    """Bytes that `unpack` writes."""
    with _members(archive) as members:
        return sum(member.size for member in members if whole or str(member.name) in programs)


@contextmanager
def _members(archive: Path) -> Iterator[list[Member]]:
    with ExitStack() as stack:
        with _readable():
            if archive.name.endswith(".zip"):
                members = _in_zip(stack.enter_context(zipfile.ZipFile(archive)))
            else:
                members = _in_tar(stack.enter_context(tarfile.open(archive, "r:gz")))
        yield _without_top(members)


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


def _in_tar(opened: tarfile.TarFile) -> list[Member]:
    members = []
    for entry in opened.getmembers():
        if entry.isdir():
            _inside(entry.name)
        elif entry.isfile() or entry.issym() or entry.islnk():
            # A link becomes a copy of what it leads to in the archive, so that none can lead outside.
            name = _inside(entry.name)
            members.append(
                Member(name, entry.size, bool(entry.mode & 0o100), lambda entry=entry: opened.extractfile(entry))  # type: ignore[misc]
            )
        else:
            raise DamagedError(f"`{entry.name}` is a device")
    return members


def _in_zip(opened: zipfile.ZipFile) -> list[Member]:
    return [
        Member(
            _inside(entry.filename),
            entry.file_size,
            bool(entry.external_attr >> 16 & 0o100),
            lambda entry=entry: opened.open(entry),  # type: ignore[misc]
        )
        for entry in opened.infolist()
        if not entry.is_dir()
    ]


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise DamagedError(f"`{name}` leads outside")
    return path


def _without_top(members: list[Member]) -> list[Member]:
    tops = {member.name.parts[0] for member in members}
    if len(tops) != 1 or any(len(member.name.parts) == 1 for member in members):
        return members
    return [
        Member(PurePosixPath(*member.name.parts[1:]), member.size, member.executable, member.open) for member in members
    ]
