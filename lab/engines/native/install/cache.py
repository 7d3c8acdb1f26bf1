"""The cache of programs, shared by all checkouts of this machine: one folder per program, version and platform.

`LAB_CACHE` names the cache, else it is the user's cache folder. A program appears in it in one step and is changed
under a lock, so that two labs can use it at once.
"""

import fcntl
import json
import os
import shutil
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import psutil

from lab.engines.native.install.vendors import VENDORS, Platform
from lab.errors import LabError

ARCHIVE, BUILT = "archive", "built"
_RECORD = ".origin.json"
_LOCK = ".lock"
# Machine numbers in the heads of executables: ELF's e_machine, Mach-O's cputype.
_ELF = {"amd64": 62, "arm64": 183}
_MACH = {"amd64": 0x01000007, "arm64": 0x0100000C}


def cache_folder() -> Path:
    """Return the folder that all checkouts share."""
    given = os.environ.get("LAB_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("observability-lab"))


def program_folder(name: str) -> Path:
    """Return the folder with all versions of a program."""
    return cache_folder() / "programs" / name


def place_in(folder: Path, name: str) -> Path:
    """Return the path of the executable in a version's folder."""
    home = VENDORS[name].home
    return folder / "bin" / name if home else folder / name


def folder_of(name: str, version: str) -> Path:
    """Return the folder of a version on this platform; machines of several kinds may share the cache."""
    return program_folder(name) / f"{version}-{Platform.here()}"


def folders(name: str, version: str) -> tuple[Path, Path]:
    """Return the possible folders of a version; older caches have no platform in the name."""
    return folder_of(name, version), program_folder(name) / version


def look_up(name: str, version: str) -> tuple[Path, str] | None:
    """Return the executable of a version and its origin (`archive`, `built`), or None."""
    for folder in folders(name, version):
        program = place_in(folder, name)
        if program.is_file() and fits(program):
            return program, origin(folder)
    return None


def origin(folder: Path) -> str:
    """Return the origin of a version's folder: `archive` or `built`."""
    try:
        return str(json.loads((folder / _RECORD).read_text(encoding="utf-8"))["origin"])
    except (OSError, ValueError, KeyError, TypeError):
        return BUILT


def put(made: Path, folder: Path, origin: str, source: str) -> None:
    """Move a finished folder into the cache, in one step; the caller holds the lock.

    Args:
        made: the finished folder.
        folder: of the version in the cache.
        origin: `archive` or `built`.
        source: a URL, a file or a module.
    """
    text = json.dumps({"origin": origin, "from": source, "platform": str(Platform.here()), "at": int(time.time())})
    (made / _RECORD).write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    made.replace(folder)


def fits(program: Path, here: Platform | None = None) -> bool:
    """Return whether an executable is for this machine, by its first bytes; scripts always are."""
    here = here or Platform.here()
    with program.open("rb") as file:
        head = file.read(20)
    if head[:4] == b"\x7fELF" and len(head) == 20:
        return here.system == "linux" and struct.unpack_from("<H", head, 18)[0] == _ELF.get(here.architecture)
    if head[:4] == b"\xcf\xfa\xed\xfe":
        return here.system == "darwin" and struct.unpack_from("<I", head, 4)[0] == _MACH.get(here.architecture)
    return head[:2] == b"#!"


@contextmanager
def program_lock(name: str, say: Callable[[str], None], stopped: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold the lock of a program, after another lab has released it.

    Raises:
        LabError: `stopped` while it waited, or the cache cannot be written to.
    """
    path = program_folder(name) / _LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise LabError(
            f"The cache of programs cannot be written to: {error.strerror} ({path.parent}).",
            "Make that folder writable, or name another one with LAB_CACHE.",
        ) from error
    with file:
        while not _try_lock(file.fileno()):
            say("another lab is installing it: waiting")
            if stopped():
                raise LabError("Interrupted.")
            time.sleep(0.1)
        yield


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True)
class Entry:
    """A file or folder in the cache.

    Attributes:
        name, version: of the program; the version is the name of its folder.
        origin: `archive`, `built`, or `leftover`: an interrupted download or build, or a log.
        size: bytes on disk.
        wanted: this checkout uses it.
        busy: why it cannot be deleted now, or empty.
    """

    path: Path
    name: str
    version: str
    origin: str
    size: int
    wanted: bool
    busy: str

    def remove(self) -> bool:
        """Delete it unless another lab holds the program's lock; return whether it was deleted.

        Raises:
            LabError: it cannot be deleted.
        """
        try:
            with (program_folder(self.name) / _LOCK).open("a") as file:
                if not _try_lock(file.fileno()):
                    return False
                if self.path.is_dir():
                    shutil.rmtree(self.path)
                else:
                    self.path.unlink(missing_ok=True)
        except OSError as error:
            raise LabError(f"{self.path} cannot be deleted: {error.strerror}.", "Is it another user's?") from error
        return True


def contents(wanted: set[Path]) -> list[Entry]:
    """Return the entries of the cache.

    Args:
        wanted: folders that this checkout uses.
    """
    running = _running()
    entries = []
    for folder in sorted((cache_folder() / "programs").glob("*")):
        if folder.name not in VENDORS or not folder.is_dir():
            continue
        locked = _is_locked(folder)
        for path in sorted(folder.iterdir()):
            if path.name == _LOCK:
                continue
            version = path.is_dir() and not path.name.startswith(".")
            source = origin(path) if version else "leftover"
            busy = "another lab is installing one" if locked else ""
            users = [program for program, texts in running.items() if any(f"{path}{os.sep}" in text for text in texts)]
            if users:
                busy = f"process {users[0]} runs from it"
            entries.append(Entry(path, folder.name, path.name, source, _size(path), path in wanted, busy))
    return entries


def _is_locked(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open() as file:
            return not _try_lock(file.fileno())
    except OSError:
        return False


def _running() -> dict[int, tuple[str, ...]]:
    """Return program file and command line of every process, by its id."""
    # Values that must not be read are None.
    return {
        process.pid: (process.info["exe"] or "", *(process.info["cmdline"] or ()))
        for process in psutil.process_iter(["exe", "cmdline"])
    }


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.lstat().st_size for file in files)
