"""Single servers on free ports, with the configuration that native mode derives for them."""

from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

from lab import compose_file, envfile
from lab.engines.native.derive import Derivation
from lab.settings import ROOT, LabSettings
from tests.support.labs.programs import program
from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server


class DerivedServers:
    """Configuration and servers that share a folder and know each other's addresses.

    Args:
        folder: where configuration, data and output go.
        absent: services that do not run here, as native mode treats them.
        values: settings of `.env` to change.
    """

    def __init__(self, folder: Path, absent: Collection[str] = (), **values: str) -> None:
        settings = envfile.read(ROOT / ".env", {})
        keys = [key for key in settings if key.endswith("_PORT")]
        ports = {key: str(port) for key, port in zip(keys, free_ports(len(keys)), strict=True)}
        self.settings = LabSettings(ROOT, folder, {**settings, **ports, **values})
        self._absent = absent
        everything = compose_file.load(ROOT / "docker-compose.yml", self.settings.values)
        self._services = {name: service for name, service in everything.items() if service.runs_natively}

    def derivation(self, name: str) -> Derivation:
        """The command, environment and folders of a server."""
        return Derivation(self._services[name], self._services, self.settings.native)

    def write(self, name: str) -> Path:
        """Write the configuration of a server; returns the folder of its first mount."""
        derivation = self.derivation(name)
        derivation.write(self.settings, self._absent)
        return derivation.place(next(mount for mount in derivation.service.mounts if mount.bind))

    def server(self, name: str) -> Server:
        """A server that can be started; the test is skipped where its program is missing."""
        path = program(str(self._services[name].native["program"]))
        derivation = self.derivation(name)
        self.write(name)
        url = urlsplit(derivation.ready_url())
        return Server(
            name,
            f"{url.scheme}://{url.netloc}",
            url.path,
            [str(path), *derivation.arguments(path, self._absent)],
            self.settings.native,
            **derivation.environment(),
        )

    def address(self, setting: str) -> str:
        """`http://127.0.0.1:port` for a port setting of `.env`."""
        return f"http://127.0.0.1:{self.settings.values[setting]}"
