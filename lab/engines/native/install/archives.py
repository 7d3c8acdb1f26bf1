"""Installs a program from a vendor's release archive: find it, verify its checksum, unpack it, run it.

Archives come from a folder filled by hand (`PROGRAM_ARCHIVES`), else from a mirror (`PROGRAM_MIRROR`),
else from the vendor. A folder and a mirror hold the vendors' files under the vendors' host and path, as `wget -x` and
caching proxies lay them out; in a folder they may also lie side by side.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.engines.native.install import cache
from lab.engines.native.install.downloads import Download, room
from lab.engines.native.install.network import Limits, UnavailableError, UnreachableError, Watcher, text_of
from lab.engines.native.install.unpacking import DamagedError, needed, unpack
from lab.engines.native.install.vendors import VENDORS, Address, Platform
from lab.engines.native.install.versions import version_of
from lab.settings import ROOT

_LINE = re.compile(r"(?P<sum>[0-9a-fA-F]{64})(?:\s+\*?(?:\./)?(?P<file>\S+))?\s*")


class RefusedError(UnavailableError):
    """There is an archive, and it must not be used."""


@dataclass(frozen=True)
class Sources:
    """Where archives may come from.

    Attributes:
        folder: archives brought by hand, or None.
        mirror: base URL in the place of `https://`, or empty.
        downloads: whether the network may be asked.
    """

    folder: Path | None
    mirror: str
    downloads: bool

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "Sources":
        """As the settings say."""
        folder = values.get("PROGRAM_ARCHIVES", "")
        return cls(
            ROOT / Path(folder).expanduser() if folder else None,
            values.get("PROGRAM_MIRROR", "").rstrip("/"),
            values.get("PROGRAM_DOWNLOADS") != "false",
        )

    def url(self, vendors: str) -> str:
        """What to ask for in the place of a vendor's URL."""
        return f"{self.mirror}/{vendors.removeprefix('https://')}" if self.mirror else vendors


def obstacle(values: Mapping[str, str]) -> str:
    """Return why no archive is possible here, or an empty text."""
    sources, here = Sources.of(values), Platform.here()
    if not here.known:
        return f"there are no archives for {here}"
    if not sources.downloads and sources.folder is None:
        return "PROGRAM_DOWNLOADS forbids to download it"
    return ""


@dataclass(frozen=True)
class Fetch:
    """The installation of one program from its archive; the caller holds the program's lock."""

    name: str
    version: str
    folder: Path
    watcher: Watcher
    limits: Limits

    def run(self, values: Mapping[str, str]) -> Path:
        """Try each place; returns the executable.

        Raises:
            UnavailableError: no archive can be had that passes all checks; the reason names each place that was tried.
            DiskFullError: the disk is full.
        """
        if fault := obstacle(values):
            raise UnavailableError(fault)
        sources = Sources.of(values)
        addresses = VENDORS[self.name].addresses(self.version, Platform.here(), values)
        ways: list[Callable[[], Path]] = []
        if folder := sources.folder:
            ways += [lambda address=address: self._from_folder(folder, address) for address in addresses]  # type: ignore[misc]
        if sources.downloads:
            ways += [lambda address=address: self._from_network(sources, address) for address in addresses]  # type: ignore[misc]
        reasons: list[str] = []
        for way in ways:
            try:
                return way()
            except UnavailableError as error:
                reasons.append(error.message)
                if isinstance(error, UnreachableError):
                    break
                if isinstance(error, RefusedError):
                    self.watcher.note(error.message)
        raise UnavailableError("; ".join(dict.fromkeys(reasons)))

    def _from_folder(self, folder: Path, address: Address) -> Path:
        if not folder.is_dir():
            raise UnavailableError(f"PROGRAM_ARCHIVES names {folder}, which is no folder")
        for archive in (folder / address.archive.removeprefix("https://"), folder / address.file):
            if archive.is_file():
                break
        else:
            raise UnavailableError(f"{address.file} is not in {folder}")
        own = archive.with_name(f"{archive.name}.sha256")
        common = archive.with_name(address.checksums.rpartition("/")[2])
        sums = own if own.is_file() else common
        try:
            text = sums.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            names = " or ".join(dict.fromkeys((common.name, own.name)))
            raise RefusedError(f"{archive} cannot be checked: put {names} next to it") from None
        wanted = _expected(text, address.file, address.sidecar or sums == own, str(sums))
        self._check(archive, wanted, str(archive))
        return self._install(archive, str(archive))

    def _from_network(self, sources: Sources, address: Address) -> Path:
        checksums, url = sources.url(address.checksums), sources.url(address.archive)
        self.watcher.say(f"looking for {address.file}")
        wanted = _expected(text_of(checksums, self.limits), address.file, address.sidecar, checksums)
        # Loki's file is named alike for all versions.
        part = self.folder.with_name(f".{self.folder.name}-{address.file}")
        download = Download(url, part, self.watcher, self.limits)
        download.fetch()
        if download.resumed and _sum(part) != wanted:
            # What was there from before may have been damaged.
            download.forget()
            download.fetch()
        try:
            self._check(part, wanted, url)
            return self._install(part, url)
        finally:
            download.forget()

    def _check(self, archive: Path, wanted: str, source: str) -> None:
        self.watcher.say("checking")
        seen = _sum(archive)
        if seen != wanted:
            raise RefusedError(f"{source} has the wrong checksum ({seen[:12]}..., its makers say {wanted[:12]}...)")

    def _install(self, archive: Path, source: str) -> Path:
        self.watcher.say("unpacking")
        vendor = VENDORS[self.name]
        programs = vendor.members(Platform.here())
        with (
            room(self.folder.parent, lambda: needed(archive, programs, vendor.home)),
            tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".unpack-") as scratch,
        ):
            made = Path(scratch) / "made"
            made.mkdir()
            try:
                unpack(archive, made, {name: name for name in programs} if vendor.home else programs, vendor.home)
            except DamagedError as error:
                raise RefusedError(f"{source} cannot be used: {error}") from error
            self._try(cache.place_in(made, self.name), source)
            cache.record(made, cache.ARCHIVE, source)
            cache.put(made, self.folder)
        return cache.place_in(self.folder, self.name)

    def _try(self, program: Path, source: str) -> None:
        seen = version_of(program)
        if seen is None:
            raise RefusedError(f"{self.name} from {source} does not run on this machine ({Platform.here()})")
        if seen != self.version:
            raise RefusedError(f"{source} holds {self.name} {seen}, not {self.version}")


def _expected(text: str, file: str, sidecar: bool, source: str) -> str:
    """The checksum of a file in the text of a checksum file."""
    for line in text.splitlines():
        found = _LINE.fullmatch(line.strip())
        if found and (found["file"] == file or (sidecar and text.strip() == line.strip())):
            return found["sum"].lower()
    raise RefusedError(f"{source} holds no checksum of {file}")


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
