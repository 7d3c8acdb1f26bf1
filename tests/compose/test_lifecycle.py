"""The whole file started, stopped and started again, in ways that people do."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lab import compose_file
from lab.query import wait_for
from lab.settings import ROOT
from tests.compose.container_engine import ContainerEngine
from tests.support.labs.running import RunningLab
from tests.support.servers.customers import free_slot

UP_SECONDS = 180
# Tempo 3.0.3 may hang on SIGTERM; docker-compose.yml says why it is safe to kill.
MAY_BE_KILLED = {"tempo"}
SIGKILLED = 137
KEY = "sk-of-a-provider-123"


class Copy:
    """A second checkout, in a folder of another name, used with plain `docker compose`."""

    def __init__(self, engine: ContainerEngine, folder: Path, **values: str) -> None:
        self.folder = folder
        self.running = RunningLab("compose", **values)
        names = (
            "docker-compose.yml",
            ".env",
            ".dockerignore",
            "lab",
            "services",
            "loadtest",
            "requirements",
            "runbooks",
        )
        servers = ("prometheus", "alertmanager", "loki", "tempo", "collector", "grafana", "exercises", "pyproject.toml")
        for name in (*names, *servers):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        self.environment = {**self.running.environment, **engine.environment, "LAB_ENGINE": ""}
        del self.environment["COMPOSE_PROJECT_NAME"], self.environment["LAB_HOME"]
        if "COMPOSE_FILE" in engine.environment:
            self.environment["COMPOSE_FILE"] = engine.environment["COMPOSE_FILE"].replace(str(ROOT), str(folder))
        services = compose_file.load(ROOT / "docker-compose.yml", self.running.settings.values)
        self.services = {name: service for name, service in services.items() if name not in engine.absent}
        self.fronts = [name for name, service in self.services.items() if service.raw.get("ports")]

    def run(self, *command: str, check: bool = True, given: str | None = None) -> str:
        """Run a command in the folder, with `given` on its standard input."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def compose(self, *arguments: str) -> str:
        """Plain `docker compose`."""
        return self.run("docker", "compose", *arguments)

    def states(self) -> dict[str, dict[str, object]]:
        """Rows of `docker compose ps` by service."""
        rows = self.run("docker", "compose", "ps", "--all", "--format", "json").splitlines()
        return {row["Service"]: row for row in map(json.loads, rows)}

    def not_ready(self) -> list[str]:
        """Services that do not answer yet."""
        return [name for name in self.fronts if not self._answers(name)]

    def _answers(self, name: str) -> bool:
        path = httpx.URL(str(self.services[name].native["ready"])).path
        try:
            return httpx.get(self.running.url(name) + path, timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def wait(self) -> None:
        """Until every service answers."""
        assert wait_for(lambda: not self.not_ready(), UP_SECONDS), f"{self.not_ready()}: {self.states()}"

    def say(self, path: str, **body: object) -> httpx.Response:
        """A request to the assistant."""
        return httpx.post(self.running.url("assistant") + path, json=body, timeout=30)


@pytest.fixture
def copy(container_engine: ContainerEngine, running_lab: RunningLab, tmp_path: Path) -> Iterator[Copy]:
    """A second copy, next to the running lab."""
    folder = tmp_path / "My second Lab"
    folder.mkdir()
    made = Copy(container_engine, folder, BASELINE_USERS="1")
    yield made
    made.run("docker", "compose", "down", "--volumes", "--timeout", "5", check=False)
    shutil.rmtree(made.running.home, ignore_errors=True)


def test_compose_alone_is_enough_and_old_volumes_are_taken_up(copy: Copy, running_lab: RunningLab) -> None:
    copy.compose("up", "--detach", "--build")
    copy.wait()
    slot = free_slot(copy.running.url("assistant"), "lab-doctor")
    booked = copy.say("/appointments", business_id="lab-doctor", starts_at=slot, user_id="a-user")
    assert booked.status_code == 201
    [number] = re.findall(r'"id":\s*"?([\w-]+)', booked.text)
    secret = copy.compose("exec", "-T", "assistant", "cat", "/run/lab/secrets/admin_token")

    # The lab command knows a lab that it did not start.
    assert "No problems found" in copy.run(sys.executable, "-m", "lab", "doctor")
    assert httpx.get(running_lab.url("assistant") + "/ready", timeout=5).status_code == 200, "the first one runs on"

    key_in_container = ("exec", "-T", "assistant", "cat", "/run/lab/secrets/model_api_key")
    said = copy.run(sys.executable, "-m", "lab", "key", given=f"{KEY}\n")
    assert "Key stored." in said
    assert copy.compose(*key_in_container) == KEY
    shown = said + copy.run("docker", "inspect", *copy.compose("ps", "--all", "--quiet").split())
    assert KEY not in shown, "no other service sees it"
    assert copy.say("/chat", message="Hello").status_code == 200, "the assistant is back, with the key"

    began = time.monotonic()
    copy.compose("stop")
    took = time.monotonic() - began
    killed = {name for name, row in copy.states().items() if row["ExitCode"] == SIGKILLED}
    assert killed <= MAY_BE_KILLED
    assert took < 60
    copy.compose("down")
    assert copy.states() == {}
    volumes = copy.run("docker", "volume", "ls", "--quiet", "--filter", "label=com.docker.compose.project=mysecondlab")
    assert len(volumes.split()) >= 9, "volumes are kept, under the name of the folder"

    copy.compose("up", "--detach")
    copy.wait()
    listed = httpx.get(
        copy.running.url("assistant") + "/appointments", params={"business_id": "lab-doctor"}, timeout=10
    )
    assert number in listed.text, "the appointment is still there"
    assert copy.compose("exec", "-T", "assistant", "cat", "/run/lab/secrets/admin_token") == secret
    old = copy.running.lab.prometheus.value(f"count(up offset {int(time.monotonic() - began) + 5}s)")
    assert old >= 5, "metrics of before the restart are still there"
    assert "No problems found" in copy.run(sys.executable, "-m", "lab", "doctor")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_starting_does_not_matter(copy: Copy, container_engine: ContainerEngine, seed: int) -> None:
    copy.compose("create", "--build")
    rows = copy.states()
    order = sorted(rows)
    random.Random(seed).shuffle(order)

    for name in order:
        container_engine.docker("start", str(rows[name]["ID"]))

    copy.wait()
    answer = copy.say("/chat", message="Hello", business_id="lab-doctor")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "ok")


def test_ctrl_c_in_the_middle_of_up_leaves_no_container(
    container_engine: ContainerEngine, running_lab: RunningLab
) -> None:
    fresh = RunningLab("compose", BASELINE_USERS="1")
    environment = {**fresh.environment, **container_engine.environment}
    mine = ("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={fresh.project}")
    try:
        process = subprocess.Popen(
            fresh.command("up"), env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert wait_for(lambda: len(container_engine.docker(*mine).split()) > 2, 60), "it has begun"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)

        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert container_engine.docker(*mine) == ""
    finally:
        fresh.stop()
    volumes = ("volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={fresh.project}")
    assert container_engine.docker(*volumes) == "", "clean deletes the volumes too"


def test_a_service_that_cannot_start_is_named_with_its_last_words(
    container_engine: ContainerEngine, running_lab: RunningLab
) -> None:
    fresh = RunningLab("compose", MODEL_SEED="7", DATABASE_URL="nonsense")
    try:
        done = fresh.run("up", check=False, timeout=400)
        assert done.returncode == 1
        said = done.stdout + done.stderr
        assert re.search(r"assistant: it ended repeatedly: .*Could not parse SQLAlchemy URL", said), said
    finally:
        fresh.stop()


def test_commands_speak_of_containers(running_lab: RunningLab) -> None:
    status = running_lab.run("status").stdout
    assert "Engine: compose" in status
    assert re.search(r"assistant +running +\d", status)
    assert re.search(r"init +done", status)
    assert "No problems found" in running_lab.run("doctor").stdout
    assert "trace_id" in running_lab.run("logs", "assistant", "--lines", "5").stdout
    again = running_lab.run("up").stdout
    assert "already runs on the compose engine" in again
    restarted = running_lab.run("restart", "pager").stdout
    assert "ready at" in restarted
    refused = running_lab.run("clean", check=False)
    assert refused.returncode == 2
    assert os.environ.get("LAB_ENGINE", "") != "native"
