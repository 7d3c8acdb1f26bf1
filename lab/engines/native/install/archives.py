"""Installs a program from a vendor's release archive: find it, verify its checksum, unpack it, run it.

Archives come from a folder filled by hand (`PROGRAM_ARCHIVES`), else from a mirror (`PROGRAM_MIRROR`),
else from the vendor. A folder and a mirror hold the vendors' files under the vendors' host and path, as `wget -x` and
caching proxies lay them out; in a folder they may also lie side by side.
"""

import hashlib
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab.engines.native.install import cache
from lab.engines.native.install.downloads import Download, report_full_disk
from lab.engines.native.install.network import Limits, UnavailableError, UnreachableError, Watcher, text_of
from lab.engines.native.install.unpacking import DamagedError, needed, unpack
from lab.engines.native.install.vendors import VENDORS, Address, Platform
from lab.engines.native.install.versions import version_of
from lab.settings import ROOT

_LINE = re.compile(r"(?P<sum>[0-9a-fA-F]{64})(?:\s+\*?(?:\./)?(?P<file>\S+))?\s*")


class RefusedError(UnavailableError):
    """An archive that must not be used."""


@dataclass(frozen=True)
class Sources:
    """Allowed sources of archives.

    Attributes:
        folder: archives that the user has put there, or None.
        mirror: base URL in the place of `https://`, or empty.
        downloads: whether the network may be used.
    """

    folder: Path | None
    mirror: str
    downloads: bool

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "Sources":
        """Return the sources that the settings allow."""
        folder = values.get("PROGRAM_ARCHIVES", "")
        return cls(
            ROOT / Path(folder).expanduser() if folder else None,
            values.get("PROGRAM_MIRROR", "").rstrip("/"),
            values.get("PROGRAM_DOWNLOADS") != "false",
        )

    def url(self, vendors: str) -> str:
        """Return the URL on the mirror, if there is one, for a vendor's URL."""
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
        """Try each source and return the executable.

        Raises:
            UnavailableError: no archive passes all checks; the reason names each source that was tried.
            DiskFullError: the disk is full.
        """
        sources = Sources.of(values)
        addresses = VENDORS[self.name].addresses(self.version, Platform.here(), values)
        attempts = [partial(self._from_folder, sources.folder, each) for each in addresses] if sources.folder else []
        if sources.downloads:
            attempts += [partial(self._from_network, sources, each) for each in addresses]
        reasons: list[str] = []
        for attempt in attempts:
            try:
                return attempt()
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
        # Loki's file has the same name for all versions.
        part = self.folder.with_name(f".{self.folder.name}-{address.file}")
        download = Download(url, part, self.watcher, self.limits)
        download.fetch()
        if download.resumed and _sum(part) != wanted:
            # The part of an earlier download may be damaged.
            download.delete()
            download.fetch()
        try:
            self._check(part, wanted, url)
            return self._install(part, url)
        finally:
            download.delete()

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
            report_full_disk(self.folder.parent, lambda: needed(archive, programs, vendor.home)),
            tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".unpack-") as scratch,
        ):
            made = Path(scratch) / "made"
            made.mkdir()
            try:
                unpack(archive, made, {name: name for name in programs} if vendor.home else programs, vendor.home)
            except DamagedError as error:
                raise RefusedError(f"{source} cannot be used: {error}") from error
            self._require_version(cache.place_in(made, self.name), source)
            cache.put(made, self.folder, cache.ARCHIVE, source)
        return cache.place_in(self.folder, self.name)

    def _require_version(self, program: Path, source: str) -> None:
        seen = version_of(program)
        if seen is None:
            raise RefusedError(f"{self.name} from {source} does not run on this machine ({Platform.here()})")
        if seen != self.version:
            raise RefusedError(f"{source} holds {self.name} {seen}, not {self.version}")


def _expected(text: str, file: str, sidecar: bool, source: str) -> str:
    """Return the checksum of a file from the text of a checksum file."""
    for line in text.splitlines():
        found = _LINE.fullmatch(line.strip())
        if found and (found["file"] == file or (sidecar and text.strip() == line.strip())):
            return found["sum"].lower()
    raise RefusedError(f"{source} holds no checksum of {file}")


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
