"""Derives what native mode runs from docker-compose.yml and the servers' own configuration files.

Three things are replaced, nothing else: addresses of services (`loki:3100`), listen addresses and ports, and container
paths below a mount. `tests/unit/lab/test_derive.py` shows the difference to be just that.
"""

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.compose_file import Mount, Service
from lab.errors import LabError
from lab.files import write_atomically
from lab.settings import LabSettings

LOOPBACK = "127.0.0.1"
# One file per scrape job, named after its service: a server that cannot run here is not scraped, so it is not "down".
_PER_SERVICE = re.compile(r"scrape/(?P<service>[a-z]+)\.yml")


@dataclass(frozen=True)
class Derivation:
    """Turns the texts of one service into native ones.

    Args:
        service: whose texts they are: its listen ports and mounts count.
        services: all services: their addresses are replaced everywhere.
        folder: the run folder; configuration goes below `config/<service>`, volumes to `data/<volume>`.
    """

    service: Service
    services: Mapping[str, Service]
    folder: Path

    def text(self, text: str) -> str:
        """Return `text` with service addresses, listen addresses and container paths replaced."""
        return self._paths(self._listens(self._addresses(text)))

    def place(self, mount: Mount) -> Path:
        """Return the folder of this machine for a mount."""
        if mount.bind:
            return self.folder / "config" / self.service.name / mount.target.lstrip("/")
        return self.folder / "data" / mount.source

    def environment(self) -> dict[str, str]:
        """Return the environment of the process: compose's with those of `x-native` over it; an empty one deletes."""
        own = {key: str(value) for key, value in self.service.native.get("environment", {}).items()}
        both = {**self.service.environment, **own}
        return {key: self.text(value) for key, value in both.items() if own.get(key) != ""}

    def arguments(self, program: Path, absent: Collection[str]) -> list[str]:
        """Return the command line after the program.

        Args:
            program: the program's file; `{home}` is the folder with the files of its archive.
            absent: services that do not run here; `x-native.without` names the files that then take others' place.
        """
        arguments = [str(part) for part in self.service.native.get("command", self.service.command)]
        for name, exchange in self.service.native.get("without", {}).items():
            if name in absent:
                for old, new in exchange.items():
                    arguments = [argument.replace(old, new) for argument in arguments]
        return [self.text(re.sub(r"\{home\}", lambda _: str(home_of(program)), argument)) for argument in arguments]

    def ready_url(self) -> str:
        """Return the URL that returns 200 when the service is ready."""
        return self._addresses(str(self.service.native["ready"]))

    def write(self, settings: LabSettings, absent: Collection[str]) -> None:
        """Write the derived files of all mounts, and delete those without a source.

        Args:
            settings: of the lab.
            absent: services that do not run here.
        """
        copies = {copy: file for file, copy, about in self._sources(settings) if about not in absent}
        for copy, file in copies.items():
            self._copy_file(file, copy)
        for mount in self.service.mounts:
            place = self.place(mount)
            place.mkdir(parents=True, exist_ok=True)
            for stale in {path for path in place.rglob("*") if mount.bind and path.is_file()} - copies.keys():
                stale.unlink()

    def copies(self) -> dict[str, bytes]:
        """Return the content of the derived files, by path in the checkout."""
        return {
            (Path(mount.source) / file.relative_to(self.place(mount))).as_posix(): file.read_bytes()
            for mount in self.service.mounts
            for file in self.place(mount).rglob("*")
            if mount.bind and file.is_file()
        }

    def admit(self, settings: LabSettings, name: str) -> None:
        """Add the file about a service that was absent when the others were written."""
        for file, copy, about in self._sources(settings):
            if about == name:
                self._copy_file(file, copy)

    def _sources(self, settings: LabSettings) -> Iterator[tuple[Path, Path, str]]:
        """Yield each mounted file of the checkout, its copy, and the service that it is about (empty: all)."""
        for mount, file in self.service.mounted_files(settings.root):
            inner = file.relative_to(settings.root / mount.source)
            about = _PER_SERVICE.fullmatch(inner.as_posix())
            yield file, self.place(mount) / inner, about["service"] if about else ""

    def _copy_file(self, file: Path, copy: Path) -> None:
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes()
        with contextlib.suppress(UnicodeDecodeError):
            content = self.text(content.decode()).encode()
        # In one step: Prometheus reloads what changes, and must never read half a file or none.
        write_atomically(copy, content)

    def _addresses(self, text: str) -> str:
        known = {
            f"{other.name}:{inner}": f"{LOOPBACK}:{outer}"
            for other in self.services.values()
            for inner, outer in other.ports.items()
        }
        pattern = re.compile(r"(?<![\w.-])(?:" + "|".join(map(re.escape, known)) + r")(?!\d)")
        return pattern.sub(lambda found: known[found[0]], text)

    def _listens(self, text: str) -> str:
        def port(inner: str) -> str:
            return str(self.service.ports.get(int(inner), inner))

        text = re.sub(r"\b0\.0\.0\.0:(\d+)", lambda found: f"{LOOPBACK}:{port(found[1])}", text)
        text = re.sub(r"\b0\.0\.0\.0\b", LOOPBACK, text)
        return re.sub(r"((?:listen[_-]|web-)port[=:] ?)(\d+)", lambda found: found[1] + port(found[2]), text)

    def _paths(self, text: str) -> str:
        places = {mount.target: str(self.place(mount)) for mount in self.service.mounts}
        if not places:
            return text
        # In one pass: the run folder's own path may begin like a mount.
        targets = "|".join(re.escape(target) for target in sorted(places, key=len, reverse=True))
        pattern = rf"(?<![\w.-])(?<!\w/)(?:{targets})(?![\w.-])"
        return re.sub(pattern, lambda found: places[found[0]], text)


def home_of(program: Path) -> Path:
    """Return the folder with the files of a program: `conf` and `public` for Grafana.

    Raises:
        LabError: there is none near the program.
    """
    for start in (program, program.resolve()):
        for folder in (start.parent.parent, start.parent.parent / program.name, Path("/usr/share") / program.name):
            if (folder / "conf" / "defaults.ini").is_file():
                return folder
    raise LabError(f"{program} has no home folder (conf, public) near it.", "Unpack its whole archive.")
