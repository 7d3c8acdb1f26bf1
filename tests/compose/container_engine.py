"""The container engine of `make test-compose`: the one that answers, else one of the tests' own."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lab import compose_file, envfile
from lab.engines.probe import OLDEST
from lab.query import wait_for
from lab.settings import ROOT
from tests.compose.images import Obtained, ensure, wanted
from tests.support.labs import docker_plugins

# `auto`: where no engine answers, one is installed and started. `never`: then nothing is run.
MAY_START = os.environ.get("TEST_ENGINE", "auto") != "never"


class NoEngineError(Exception):
    """No container engine can be had here; says why."""


@dataclass
class ContainerEngine:
    """An engine with everything that docker-compose.yml needs.

    Attributes:
        environment: variables for every Docker client.
        about: engine, Compose and Buildx with their versions, in words.
        images: where each image comes from.
    """

    environment: dict[str, str]
    about: str = ""
    images: list[Obtained] = field(default_factory=list)

    @property
    def absent(self) -> dict[str, str]:
        """Services without an image, with the reason."""
        missing = {image.reference: image.absent for image in self.images if image.absent}
        services = compose_file.load(ROOT / "docker-compose.yml", envfile.read(ROOT / ".env", {}))
        return {name: missing[service.image] for name, service in services.items() if service.image in missing}

    def docker(self, *arguments: str, check: bool = True) -> str:
        """What a Docker command prints."""
        done = subprocess.run(
            ["docker", *arguments], env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"docker {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()


@contextmanager
def prepared(say: Callable[[str], None]) -> Iterator[ContainerEngine]:
    """An engine, its plugins and all images; what was started here is given back at the end.

    Raises:
        NoEngineError: none answers and none may or can be started.
    """
    with tempfile.TemporaryDirectory(prefix="lab-engine-") as name:
        folder = Path(name)
        with _answering(folder, say) as address:
            environment = {**address, **_plugins(folder, say)}
            engine = ContainerEngine(environment)
            os.environ.update(environment)
            values = envfile.read(ROOT / ".env", {})
            engine.about = "Docker {} with Compose {}, {}".format(
                engine.docker("info", "--format", "{{.ServerVersion}} ({{.OperatingSystem}})"),
                engine.docker("compose", "version", "--short"),
                " ".join(engine.docker("buildx", "version").split()[:2]),
            )
            engine.images = [ensure(reference, values, say) for reference in wanted(values)]
            if engine.absent:
                environment["COMPOSE_FILE"] = f"{ROOT / 'docker-compose.yml'}:{_without(folder, engine.absent)}"
                os.environ["COMPOSE_FILE"] = environment["COMPOSE_FILE"]
            yield engine


@contextmanager
def _answering(folder: Path, say: Callable[[str], None]) -> Iterator[dict[str, str]]:
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        yield {}
        return
    if not MAY_START:
        raise NoEngineError("no container engine answers, and TEST_ENGINE=never forbids to start one")
    if os.geteuid() != 0:
        raise NoEngineError("no container engine answers, and only root can start one")
    _install(say)
    say("starting a container engine of our own")
    socket = f"unix://{folder}/docker.sock"
    with (folder / "log").open("w") as log:
        command = ["dockerd", "--host", socket, "--data-root", str(folder / "data"), "--exec-root", str(folder / "run")]
        daemon = subprocess.Popen([*command, "--pidfile", str(folder / "pid")], stdout=log, stderr=subprocess.STDOUT)
    environment = {"DOCKER_HOST": socket}
    try:

        def answers() -> bool:
            asked = ["docker", "--host", socket, "info"]
            return subprocess.run(asked, capture_output=True, check=False).returncode == 0

        if not wait_for(answers, 60):
            last = (folder / "log").read_text().splitlines()[-3:]
            raise NoEngineError(f"the container engine does not start: {' | '.join(last)}")
        yield environment
    finally:
        os.environ.pop("DOCKER_HOST", None)
        daemon.terminate()
        daemon.wait(60)


def _install(say: Callable[[str], None]) -> None:
    needed = {"dockerd": "docker.io", "iptables": "iptables", "mmdebstrap": "mmdebstrap"}
    packages = [package for program, package in needed.items() if shutil.which(program) is None]
    if not packages:
        return
    say(f"installing {', '.join(packages)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoEngineError(f"apt-get {command[0]}: {done.stderr.strip()[-300:]}")


def _plugins(folder: Path, say: Callable[[str], None]) -> dict[str, str]:
    """Compose and Buildx, built where the machine has none that is new enough."""

    def there(name: str) -> bool:
        done = subprocess.run(["docker", name, "version"], capture_output=True, text=True, check=False)
        if done.returncode or name != "compose":
            return done.returncode == 0
        numbers = done.stdout.strip().rpartition("v")[2].split(".")
        return tuple(int(number) for number in numbers[:2]) >= OLDEST

    missing = [name for name in docker_plugins.PLUGINS if not there(name)]
    if not missing:
        return {}
    extra = []
    for name in missing:
        say(f"docker {name} is not there; building it once for this machine")
        try:
            extra.append(str(docker_plugins.ensure(name).parent))
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            raise NoEngineError(f"docker {name} is not there and cannot be built ({error})") from error
    given = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker")) / "config.json"
    config = json.loads(given.read_text()) if given.is_file() else {}
    config["cliPluginsExtraDirs"] = [*config.get("cliPluginsExtraDirs", ()), *extra]
    (folder / "config.json").write_text(json.dumps(config))
    return {"DOCKER_CONFIG": str(folder)}


def _without(folder: Path, absent: dict[str, str]) -> Path:
    """An override file that leaves out services for which there is no image; the rest of the lab is unchanged."""
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    lines = ["services:"]
    for name, service in document["services"].items():
        needed = service.get("depends_on", {})
        if name in absent:
            lines += [f"  {name}:", "    profiles: [absent]"]
        elif absent.keys() & needed:
            kept = {key: value for key, value in needed.items() if key not in absent}
            lines += [f"  {name}:", f"    depends_on: !override {json.dumps(kept)}"]
    path = folder / "absent.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path
