"""A whole lab of real servers, on free ports and in a folder of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab import envfile
from lab.engines.choice import connect
from lab.query import Lab
from lab.settings import ROOT, LabSettings
from tests.support.servers.ports import free_ports

# Building the programs from nothing takes about 12 minutes on two cores.
UP_SECONDS = 1800


class RunningLab:
    """One lab; `start` it, ask it through `lab`, give commands with `run`, and `stop` it."""

    def __init__(self, engine: str = "native", root: Path = ROOT, **values: str) -> None:
        self.engine = engine
        self.root = root
        self.home = Path(tempfile.mkdtemp(prefix="lab-"))
        keys = [key for key in envfile.read(ROOT / ".env", {}) if key.endswith("_PORT")]
        ports = {key: str(port) for key, port in zip(keys, free_ports(len(keys)), strict=True)}
        self.environment = {**os.environ, "LAB_HOME": str(self.home), "LAB_ENGINE": engine, **ports, **values}
        # Compose calls a lab after its folder; labs of one checkout need names of their own.
        self.project = f"test{self.home.name.lower().replace('_', '')}"
        if engine == "compose":
            self.environment["COMPOSE_PROJECT_NAME"] = self.project

    @property
    def settings(self) -> LabSettings:
        """The settings that it was started with."""
        return LabSettings.running(self.environment, self.root)

    @property
    def lab(self) -> Lab:
        """Clients for its servers."""
        return connect(self.settings)

    def url(self, service: str) -> str:
        """Address of a service."""
        return self.settings.url(service)

    def command(self, *arguments: str) -> list[str]:
        """A lab command line."""
        return [sys.executable, "-m", "lab", *arguments]

    def run(
        self, *arguments: str, timeout: float = 120, check: bool = True, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a lab command to its end, with `given` on its standard input; with `check` it must exit 0."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"lab {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self) -> None:
        """`lab up`."""
        self.run("up", timeout=UP_SECONDS)

    def stop(self) -> None:
        """Stop it, and delete its data."""
        self.run("clean", "--yes")
        shutil.rmtree(self.home, ignore_errors=True)


def started_lab(engine: str, **values: str) -> Iterator[RunningLab]:
    """Start a lab for a fixture, and stop it at the end."""
    running = RunningLab(engine, **values)
    try:
        running.start()
        yield running
    finally:
        running.stop()
