"""From docker-compose.yml and the servers' own configuration files to what native mode runs.

Three things are replaced, nothing else: addresses of services (`loki:3100`), listen addresses and ports, and container
paths below a mount. `tests/unit/lab/test_derive.py` shows the difference to be just that.
"""

import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.compose_file import Mount, Service
from lab.errors import LabError
from lab.settings import LabSettings

LOOPBACK = "127.0.0.1"
# One scrape job a file, named after its service: a server that cannot run here is not scraped, so it is not "down".
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
        """`text` with service addresses, listen addresses and container paths replaced."""
        return self._paths(self._listens(self._addresses(text)))

    def place(self, mount: Mount) -> Path:
        """Return the folder of this machine for a mount."""
        if mount.bind:
            return self.folder / "config" / self.service.name / mount.target.lstrip("/")
        return self.folder / "data" / mount.source

    def environment(self) -> dict[str, str]:
        """Environment of the process: compose's, with native's own values over it; an empty one takes it away."""
        own = {key: str(value) for key, value in self.service.native.get("environment", {}).items()}
        both = {**self.service.environment, **own}
        return {key: self.text(value) for key, value in both.items() if own.get(key) != ""}

    def arguments(self, program: Path, absent: Collection[str]) -> list[str]:
        """Command line after the program.

        Args:
            program: the program's file; `{home}` is the folder with the files of its archive.
            absent: services that do not run here; `x-native.without` names the files that then take others' place.
        """
        arguments = [str(part) for part in self.service.native.get("command", self.service.command)]
        for name, exchange in self.service.native.get("without", {}).items():
            if name in absent:
                for old, new in exchange.items():
                    arguments = [argument.replace(old, new) for argument in arguments]
        if any("{home}" in argument for argument in arguments):
            arguments = [argument.replace("{home}", str(home_of(program))) for argument in arguments]
        return [self.text(argument) for argument in arguments]

    def ready_url(self) -> str:
        """What answers 200 when the service is ready."""
        return self._addresses(str(self.service.native["ready"]))

    def write(self, settings: LabSettings, absent: Collection[str]) -> None:
        """Make the folders of all mounts and fill those of configuration; files that are no longer wanted go.

        Args:
            absent: services that do not run here.
        """
        for mount in self.service.mounts:
            target = self.place(mount)
            if not mount.bind:
                target.mkdir(parents=True, exist_ok=True)
                continue
            written = self._copy(settings.root / mount.source, target, absent)
            for stale in {path for path in target.rglob("*") if path.is_file()} - written:
                stale.unlink()

    def copies(self, settings: LabSettings) -> dict[str, bytes]:
        """Return the content of the derived copies, by path in the checkout."""
        found = {}
        for mount in self.service.mounts:
            place = self.place(mount)
            source = (settings.root / mount.source).relative_to(settings.root) if mount.bind else None
            for file in place.rglob("*") if source else ():
                if file.is_file() and source:
                    found[(source / file.relative_to(place)).as_posix()] = file.read_bytes()
        return found

    def admit(self, settings: LabSettings, arrived: str) -> None:
        """Add the file about a service that was absent when the others were written, and runs from now on."""
        for mount in self.service.mounts:
            source = settings.root / mount.source
            for file in source.rglob(f"{arrived}.yml") if mount.bind else ():
                inner = file.relative_to(source)
                if _PER_SERVICE.fullmatch(inner.as_posix()):
                    self._copy_file(file, self.place(mount) / inner)

    def _copy(self, source: Path, target: Path, absent: Collection[str]) -> set[Path]:
        written = set()
        for file in sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            inner = file.relative_to(source)
            per_service = _PER_SERVICE.fullmatch(inner.as_posix())
            if per_service and per_service["service"] in absent:
                continue
            self._copy_file(file, target / inner)
            written.add(target / inner)
        return written

    def _copy_file(self, file: Path, copy: Path) -> None:
        copy.parent.mkdir(parents=True, exist_ok=True)
        new = copy.with_name(f".{copy.name}.new")
        try:
            new.write_text(self.text(file.read_text(encoding="utf-8")), encoding="utf-8")
        except UnicodeDecodeError:
            shutil.copyfile(file, new)
        # In one step: Prometheus reloads what changes, and must never see half a file or none.
        new.replace(copy)

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
    """Folder with the files that come with a program: `conf` and `public` for Grafana.

    Raises:
        LabError: there is none near the program.
    """
    for start in (program, program.resolve()):
        for folder in (start.parent.parent, start.parent.parent / program.name, Path("/usr/share") / program.name):
            if (folder / "conf" / "defaults.ini").is_file():
                return folder
    raise LabError(f"{program} has no home folder (conf, public) near it.", "Unpack its whole archive.")
