"""Engines that cannot be used, and containers that do not work: real ones, each named with cause and command."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import ports
from lab.engines import probe as probe_module
from lab.engines.compose import ComposeEngine
from lab.engines.docker import compose
from lab.engines.engine import Diagnosis
from lab.engines.probe import Probe, probe
from lab.errors import LabError
from lab.progress import Board
from lab.query import wait_for
from lab.settings import ROOT, LabSettings
from tests.compose.container_engine import ContainerEngine
from tests.support.labs.running import RunningLab

UNPRIVILEGED = 65534
# Debian 12's Compose 1 and what it imports; unpacked outside the system, not installed.
COMPOSE_ONE = """docker-compose python3-docker python3-dockerpty python3-docopt python3-dotenv python3-jsonschema
    python3-requests python3-texttable python3-websocket python3-yaml python3-six python3-attr python3-pyrsistent
    python3-urllib3 python3-chardet python3-idna python3-certifi python3-charset-normalizer python3-distro
    python3-cached-property python3-pkg-resources python3-packaging"""


@pytest.fixture
def no_plugins(container_engine: ContainerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's program as it is without any plugin of this user."""
    plugin = Path(container_engine.docker("info", "--format", _COMPOSE_PATH))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        pytest.skip(f"this machine has Compose for all users ({plugin})")
    return plugin


_COMPOSE_PATH = '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}'


# --- engines ----------------------------------------------------------------------------------------------------------


def test_the_engine_that_answers_can_be_used(container_engine: ContainerEngine) -> None:
    answer = probe()

    assert answer.fault == ""
    assert container_engine.docker("version", "--format", "{{.Server.Version}}") in answer.version


@pytest.mark.parametrize("address", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
def test_an_address_where_nothing_listens(
    container_engine: ContainerEngine, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)

    assert probe() == Probe(
        fault=f"DOCKER_HOST points to {address}, and no engine answers there", remedy="unset DOCKER_HOST"
    )


def test_a_context_that_is_not_there(container_engine: ContainerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "no-such-context")

    answer = probe()

    assert answer.fault.startswith('Docker does not know where its engine is (context "no-such-context"')
    assert answer.remedy == "unset DOCKER_CONTEXT"


def test_an_engine_that_takes_calls_and_says_nothing(
    container_engine: ContainerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "SECONDS", 2)
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/s")
        server.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/s")

        assert probe().fault == f"Docker's engine at unix://{folder}/s hangs (no answer within 2 s)"


def test_a_user_who_may_not_use_the_socket(no_plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    # Pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        plugin = Path(folder, "cli-plugins", "docker-compose")
        plugin.parent.mkdir()
        shutil.copy(no_plugins, plugin)

        answer = _as_unprivileged(folder)

    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    assert answer["fault"] == f"this user may not use Docker's engine ({address}: permission denied)"
    assert "usermod -aG" in answer["remedy"]


def _as_unprivileged(config: str) -> dict[str, str]:
    """What the probe says in a process of a user without rights."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.environ.update(DOCKER_CONFIG=config, HOME=config)
            os.setgroups([])
            os.setgid(UNPRIVILEGED)
            os.setuid(UNPRIVILEGED)
            found = probe()
            os.write(sender, json.dumps({"fault": found.fault, "remedy": found.remedy}).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    answer: dict[str, str] = json.loads(said)
    return answer


def test_debians_compose_one(no_plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = _compose_one(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")

    answer = probe()

    assert answer.fault == f"there is only the old `docker-compose` {version}, which cannot read docker-compose.yml"
    assert answer.remedy.startswith("curl")


def _compose_one(folder: Path) -> str:
    """Unpack Compose 1 and put it into `bin`; its version."""
    done = subprocess.run(
        ["apt-get", "download", "-q", *COMPOSE_ONE.split()], cwd=folder, capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("Debian's docker-compose 1 cannot be had from apt here")
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)
    script = folder / "bin" / "docker-compose"
    script.parent.mkdir()
    script.write_text(
        f"#!/bin/sh\nPYTHONPATH={folder}/root/usr/lib/python3/dist-packages exec /usr/bin/python3 "
        f'{folder}/root/usr/bin/docker-compose "$@"\n'
    )
    script.chmod(0o755)
    said = subprocess.run([script, "version", "--short"], capture_output=True, text=True, check=True).stdout.strip()
    if not said.startswith("1."):
        pytest.skip(f"apt has docker-compose {said} here, which is no Compose 1")
    return said


def test_a_standalone_compose_becomes_a_plugin_by_the_printed_command(
    no_plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker-compose").symlink_to(no_plugins)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")

    answer = probe()
    assert answer.fault.endswith("is here, but not as Docker's plugin")
    subprocess.run(["sh", "-c", answer.remedy], check=True)

    assert probe().fault == ""


def test_doctor_names_a_dead_engine_first(container_engine: ContainerEngine, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "LAB_HOME": str(tmp_path),
        "LAB_ENGINE": "compose",
        "DOCKER_HOST": "unix:///nowhere/docker.sock",
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "lab", "doctor"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stdout.splitlines()[1].startswith("✗  engine")
    assert "unset DOCKER_HOST" in done.stdout.splitlines()[1]
    assert "Broken: engine." in done.stderr


# --- containers -------------------------------------------------------------------------------------------------------


class Project:
    """A project of docker-compose.yml in which single services are started, without what they need."""

    def __init__(self, **values: str) -> None:
        self.said = ""
        self.running = RunningLab("compose", **values)
        self.settings = LabSettings.load(self.running.environment)
        os.environ["COMPOSE_PROJECT_NAME"] = self.running.project

    def up(self, *services: str) -> str:
        """Start services and nothing else; what Compose says."""
        done = compose(self.settings, "up", "--detach", "--build", "--no-deps", *services)
        self.said = done.stdout + done.stderr
        return self.said

    def diagnoses(self) -> list[Diagnosis]:
        return ComposeEngine(self.settings).diagnoses()

    def diagnosis(self, service: str, words: str) -> Diagnosis:
        """The diagnosis of a service, once its text has these words."""
        found = wait_for(
            lambda: next((each for each in self.diagnoses() if each.service == service and words in each.text), None),
            60,
        )
        assert found, (self.diagnoses(), compose(self.settings, "logs", service).stdout, self.said)
        return found

    def container(self, service: str) -> str:
        return compose(self.settings, "ps", "--all", "--quiet", service).stdout.strip()

    def volume(self, name: str) -> str:
        return f"{self.running.project}_{name}"

    def remove(self) -> None:
        compose(self.settings, "down", "--volumes", "--timeout", "1")
        shutil.rmtree(self.running.home, ignore_errors=True)
        os.environ.pop("COMPOSE_PROJECT_NAME", None)


@pytest.fixture
def project(container_engine: ContainerEngine, request: pytest.FixtureRequest) -> Iterator[Project]:
    made = Project(**getattr(request, "param", {}))
    try:
        made.up("init")
        yield made
    finally:
        made.remove()


@pytest.mark.parametrize("project", [{"MODEL_MEMORY": "24m"}], indirect=True)
def test_a_service_that_is_killed_for_memory_at_its_start(project: Project) -> None:
    project.up("model")

    diagnosis = project.diagnosis("model", "killed for memory")

    assert "at its limit of 24m (MODEL_MEMORY)" in diagnosis.text
    assert diagnosis.remedy == "set MODEL_MEMORY=48m in .env, then `lab restart model`"
    assert diagnosis.fatal


def test_a_child_that_is_killed_for_memory_while_the_service_goes_on(
    container_engine: ContainerEngine, project: Project
) -> None:
    project.up("model")
    model = project.container("model")
    greedy = ["docker", "exec", model, "python", "-c", "import time; x = b'x' * 2**30; time.sleep(9)"]

    assert subprocess.run(greedy, capture_output=True, check=False).returncode == 137
    assert container_engine.docker("inspect", "--format", "{{.State.Running}} {{.State.OOMKilled}}", model) == (
        "true false"
    )

    diagnosis = project.diagnosis("model", "killed for memory")
    assert diagnosis.text == "killed for memory at its limit of 256m (MODEL_MEMORY)"


def test_a_healthy_service_has_no_trouble(project: Project) -> None:
    project.up("model")

    assert project.diagnoses() == []


def test_a_service_that_is_restarted_again_and_again(project: Project, tmp_path: Path) -> None:
    override = tmp_path / "override.yml"
    override.write_text('services: {model: {command: ["-c", "raise SystemExit(\'no idea what to do\')"]}}')
    base = os.environ.get("COMPOSE_FILE", "docker-compose.yml")
    os.environ["COMPOSE_FILE"], before = f"{base}:{override}", os.environ.get("COMPOSE_FILE")
    try:
        project.up("model")
        diagnosis = project.diagnosis("model", "restarted")
    finally:
        os.environ.pop("COMPOSE_FILE")
        os.environ.update({"COMPOSE_FILE": before} if before else {})

    assert diagnosis.text.endswith("last output: no idea what to do")
    assert diagnosis.remedy == "lab logs model"


def test_a_volume_of_another_user_and_the_command_that_gives_it_back(
    container_engine: ContainerEngine, project: Project
) -> None:
    image = f"observability-lab/init:{project.settings.values['LAB_VERSION']}"
    run = ["run", "--rm", "--user", "0", "--volume", f"{project.volume('logs')}:/v"]
    # An empty volume would take its owner from the image again.
    container_engine.docker(*run, "--entrypoint", "touch", image, "/v/old.log")
    container_engine.docker(*run, "--entrypoint", "chown", image, "-R", "0:0", "/v")

    project.up("init")
    diagnosis = project.diagnosis("init", "belongs to another user")

    assert "/var/log/lab: permission denied for user 10001; its volume belongs to user 0." in diagnosis.text
    assert project.volume("logs") in diagnosis.remedy
    done = project.running.run("up", check=False)
    assert done.returncode == 1
    assert "its volume belongs to user 0." in done.stderr
    assert diagnosis.remedy in done.stderr
    subprocess.run(["sh", "-c", diagnosis.remedy], check=True)
    project.up("init")
    assert wait_for(lambda: project.diagnoses() == [], 20)


def test_data_of_another_postgres(container_engine: ContainerEngine, project: Project) -> None:
    if "postgres" in container_engine.absent:
        pytest.skip(container_engine.absent["postgres"])
    project.up("postgres")
    inside = ["docker", "exec", project.container("postgres"), "pg_isready", "--username=lab"]
    assert wait_for(lambda: subprocess.run(inside, capture_output=True, check=False).returncode == 0, 60)
    # What a server of version 9.6 wrote begins with this file; the server looks at nothing else before it refuses.
    volume = f"{project.volume('postgres-data')}:/v"
    image = f"postgres:{project.settings.values['POSTGRES_VERSION']}"
    write = ["--entrypoint", "sh", image, "-c", "echo 9.6 > /v/PG_VERSION"]
    container_engine.docker("run", "--rm", "--user", "0", "--volume", volume, *write)
    container_engine.docker("restart", project.container("postgres"))

    diagnosis = project.diagnosis("postgres", "was written by PostgreSQL 9.6")

    assert diagnosis.remedy.startswith("set POSTGRES_VERSION to a version 9.6 in .env; or `lab clean`")


def test_a_step_back_of_a_version_is_refused_or_named_before_the_start(project: Project) -> None:
    engine = ComposeEngine(project.settings)
    compose(project.settings, "create", "--build", "postgres")
    there = engine._volumes()
    assert "postgres-data" in there
    book = {"compose": {"postgres-data": {"version": "16.4", "of": there["postgres-data"]}}}
    project.running.home.joinpath("written.json").write_text(json.dumps(book))

    done = project.running.run("up", check=False)

    now = project.settings.values["POSTGRES_VERSION"]
    assert done.returncode == 1
    assert f"postgres: its data were written by version 16.4, and {now} cannot read them." in done.stderr
    assert "set POSTGRES_VERSION=16.4 in .env" in done.stderr


# --- ports ------------------------------------------------------------------------------------------------------------


def test_a_port_that_another_copy_holds(project: Project) -> None:
    project.up("model")
    port = project.settings.values["MODEL_PORT"]

    assert ports.holder(int(port)) == ports.Holder(
        f"another copy of the lab, in {ROOT} (Compose project {project.running.project})",
        f"docker compose -p {project.running.project} down",
    )
    # The project itself may start once more.
    ComposeEngine(project.settings)._check({}, Board())
    other = RunningLab("compose", MODEL_PORT=port)
    done = other.run("up", check=False)
    shutil.rmtree(other.home)

    assert done.returncode == 1
    assert f"{port} (MODEL_PORT, for model) is held by another copy of the lab, in {ROOT}" in done.stderr
    assert f"`docker compose -p {project.running.project} down`" in done.stderr


def test_a_port_that_a_stranger_holds(container_engine: ContainerEngine) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(LabError, match=rf"{port} \(MODEL_PORT, for model\) is held by .*process id {os.getpid()}"):
            ports.require({port: "model"}, {"MODEL_PORT": port})
