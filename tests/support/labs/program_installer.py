"""Gets programs as the lab does, from the server of a test, and writes down what is said."""

from dataclasses import dataclass, field
from pathlib import Path

from lab.engines.native.install import programs
from lab.engines.native.install.network import Limits, Watcher
from lab.engines.native.install.programs import PROGRAMS, Found
from lab.engines.native.install.vendors import VENDORS, Address, Platform
from tests.support.servers.archive_server import ArchiveServer, Reply, archive_of

LIMITS = Limits(connect=1, stall=0.3, tries=3, pause=0.02)


@dataclass
class ProgramInstaller:
    """A server with archives, the settings that lead to it, and what was said while a program was got."""

    server: ArchiveServer
    values: dict[str, str]
    said: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def version(self, name: str) -> str:
        return self.values[PROGRAMS[name].setting]

    def address(self, name: str) -> Address:
        return VENDORS[name].addresses(self.version(name), Platform.here(), self.values)[0]

    def folder(self, name: str) -> Path:
        return programs.folder(name, self.values)

    def content(self, name: str, version: str = "") -> bytes:
        return archive_of(name, version or self.version(name), Platform.here())

    def offer(self, name: str, content: bytes = b"") -> Reply:
        return self.server.offer(self.address(name), content or self.content(name))

    def fetch(self, name: str, limits: Limits = LIMITS) -> Found:
        return programs.fetch(name, self.values, Watcher(self.said.append, self.notes.append), limits)
