"""The servers' own checkers: run where the lab runs, over the files as the servers would read them.

Native programs come from the cache and read the derived configuration in a temporary folder. In containers the
server's image runs its own checker over the mounted folder.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.compose_file import Service
from lab.engines.docker import compose
from lab.engines.native.derive import Derivation
from lab.engines.native.install.programs import Missing, find
from lab.settings import LabSettings

SECONDS = 60


@dataclass(frozen=True)
class CheckerOutput:
    """Exit code and output of a checker, with file names of the checkout."""

    code: int
    text: str


class Checkers:
    """The checkers of one lab.

    Attributes:
        unchecked: servers whose files could not be checked, with the reason.
    """

    def __init__(self, settings: LabSettings, services: Mapping[str, Service], folder: Path, containers: bool) -> None:
        self._settings = settings
        self._containers = containers
        native = {name: service for name, service in services.items() if service.runs_natively}
        self._derivations = {name: Derivation(service, native, folder) for name, service in native.items()}
        self._written: set[str] = set()
        self.unchecked: dict[str, str] = {}

    def run(self, server: str, program: str, arguments: Sequence[str]) -> CheckerOutput | None:
        """Run a server's checker with its container's `arguments`; return None if there is none (see `unchecked`)."""
        if server in self.unchecked:
            return None
        executable = self.program(server, program)
        if executable is None:
            return None if server in self.unchecked else self._in_container(server, program, arguments)
        derivation = self.derived(server)
        done = subprocess.run(
            [str(executable), *(derivation.text(argument) for argument in arguments)],
            env={**os.environ, **derivation.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
        return CheckerOutput(done.returncode, self.named(server, done.stdout))

    def program(self, server: str, program: str) -> Path | None:
        """Return the executable on this machine, or None."""
        found = find(self._derivations[server].service.program, self._settings.values)
        if not isinstance(found, Missing):
            path = found.path.resolve().with_name(program)
            if path.is_file():
                return path
            reason = f"{program} is not in the folder of {found.path}"
        else:
            reason = found.reason
        if not self._containers:
            self.unchecked[server] = reason
        return None

    def derived(self, server: str) -> Derivation:
        """Write the native form of a server's files into the temporary folder, once, and return it."""
        if server not in self._written:
            self._written.add(server)
            self._derivations[server].write(self._settings, ())
        return self._derivations[server]

    def named(self, server: str, text: str) -> str:
        """Return a server's output with its paths replaced by those of the checkout."""
        derivation = self._derivations[server]
        for mount in derivation.service.mounts:
            if mount.bind:
                source = mount.source.removeprefix("./")
                for place in (derivation.place(mount).resolve(), derivation.place(mount), mount.target):
                    text = text.replace(f"{place}/", f"{source}/")
        return text

    def _in_container(self, server: str, program: str, arguments: Sequence[str]) -> CheckerOutput | None:
        entrypoint = {"loki": "/usr/bin/loki", "tempo": "/tempo", "otelcol": "/otelcol-contrib"}.get(
            program, f"/bin/{program}"
        )
        options = ("run", "--rm", "--no-deps", "-T", "--entrypoint", entrypoint)
        answer = compose(self._settings, *options, server, *arguments, seconds=SECONDS)
        if answer.returncode >= 124:
            self.unchecked[server] = f"its container could not be run: {answer.stderr.strip()[-200:]}"
            return None
        return CheckerOutput(answer.returncode, self.named(server, answer.stdout + answer.stderr))
