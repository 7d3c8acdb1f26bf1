"""What every container is and may do, asked of the running containers themselves."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lab import compose_file
from lab.engines.choice import current_engine
from lab.settings import ROOT
from tests.compose.container_engine import ContainerEngine
from tests.support.labs.running import RunningLab

# The user that each image documents as its own; ours and the Collector get theirs from docker-compose.yml.
USERS = {
    "assistant": 10001,
    "model": 10001,
    "pager": 10001,
    "loadtest": 10001,
    "collector": 10001,
    "prometheus": 65534,
    "alertmanager": 65534,
    "loki": 10001,
    "tempo": 10001,
    "grafana": 472,
}
# Any fixed id but root's: Debian's package and the upstream image give it different ones.
ANY_USER = {"postgres"}
NO_CAPABILITY = "0000000000000000"
SERVICES = sorted({*USERS, *ANY_USER})


class Container:
    """One running container of the lab."""

    def __init__(self, engine: ContainerEngine, running: RunningLab, service: str) -> None:
        if service in engine.absent:
            pytest.skip(engine.absent[service])
        self._engine = engine
        labels = (f"com.docker.compose.project={running.project}", f"com.docker.compose.service={service}")
        found = engine.docker("ps", "--quiet", *(part for label in labels for part in ("--filter", f"label={label}")))
        self.identity = found
        [self.facts] = json.loads(engine.docker("inspect", found))
        self.service = compose_file.load(ROOT / "docker-compose.yml", running.settings.values)[service]

    @property
    def process(self) -> dict[str, str]:
        """The first process as the kernel sees it: /proc/PID/status."""
        return dict(re.findall(r"^(\w+):\s+(.*)$", self._proc("status"), re.MULTILINE))

    def mounts(self) -> dict[str, str]:
        """Options by mount point, as the first process sees them."""
        return {row.split()[1]: row.split()[3] for row in self._proc("mounts").splitlines()}

    def cgroup(self, controller: str, name: str) -> str:
        """A value of its control group, version 1 or 2."""
        root = Path("/sys/fs/cgroup")
        groups = [row.split(":", 2) for row in self._proc("cgroup").splitlines()]
        for _, controllers, path in groups:
            if controller in controllers.split(","):
                return (root / controller / path.lstrip("/") / name).read_text().strip()
        [path] = [path for _, _, path in groups]
        newer = {"memory.limit_in_bytes": "memory.max"}.get(name, name)
        return (root / path.lstrip("/") / newer).read_text().strip()

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self.facts['State']['Pid']}/{name}").read_text()


@pytest.fixture(params=SERVICES)
def container(request: pytest.FixtureRequest, container_engine: ContainerEngine, running_lab: RunningLab) -> Container:
    """Each container of the lab in turn."""
    return Container(container_engine, running_lab, request.param)


def test_every_service_is_looked_at(running_lab: RunningLab) -> None:
    services = compose_file.load(ROOT / "docker-compose.yml", running_lab.settings.values)
    assert set(SERVICES) == set(services) - {"init"}


def test_it_runs_without_rights(container: Container) -> None:
    status = container.process
    users = {int(number) for number in status["Uid"].split()}
    assert 0 not in users
    if container.service.name not in ANY_USER:
        assert users == {USERS[container.service.name]}
    assert "0" not in status["Gid"].split() or container.service.name == "grafana", "the image of Grafana is of group 0"
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert status[kind] == NO_CAPABILITY, kind
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2", "the engine's filter of system calls is on"


def test_its_file_system_cannot_be_written(container: Container) -> None:
    mounts = container.mounts()
    assert "ro" in mounts["/"].split(",")
    for mount in container.service.mounts:
        options = mounts[mount.target].split(",")
        read_only = mount.bind or str(_volume(container, mount.target)).endswith(":ro")
        assert ("ro" in options) == read_only, mount
    assert not any("docker.sock" in target for target in mounts)


def _volume(container: Container, target: str) -> Any:
    [text] = [text for text in container.service.raw["volumes"] if text.split(":")[1] == target]
    return text


def test_its_limits_are_in_force(container: Container) -> None:
    limit = container.service.raw["mem_limit"]
    size = int(limit[:-1]) * {"k": 2**10, "m": 2**20, "g": 2**30}[limit[-1]]
    assert int(container.cgroup("memory", "memory.limit_in_bytes")) == size
    assert int(container.cgroup("pids", "pids.max")) == 512


def test_its_output_is_rotated(container: Container) -> None:
    log = container.facts["HostConfig"]["LogConfig"]
    assert (log["Type"], log["Config"]) == ("json-file", {"max-size": "10m", "max-file": "3"})


def test_its_ports_are_bound_on_this_machine_only(container: Container, running_lab: RunningLab) -> None:
    bindings = container.facts["HostConfig"]["PortBindings"] or {}
    published = {entry["HostPort"]: entry["HostIp"] for entries in bindings.values() for entry in entries}
    assert set(published.values()) <= {"127.0.0.1"}
    known = {str(port) for port in running_lab.settings.ports().values()}
    assert set(published) <= known, "every port is a setting"
    assert container.facts["HostConfig"]["NetworkMode"] != "host"
    assert container.facts["HostConfig"]["Privileged"] is False


def test_its_description_has_no_secret(container: Container, running_lab: RunningLab) -> None:
    facts = json.dumps(container.facts)
    for name in ("admin_token", "grafana_admin_password", "postgres_password"):
        assert current_engine(running_lab.settings).read_secret(name) not in facts, name


def test_only_those_who_need_it_see_the_database_and_the_secrets(
    container_engine: ContainerEngine, running_lab: RunningLab
) -> None:
    def reach(service: str, address: str, port: int) -> str:
        code = f"import socket; socket.create_connection(('{address}', {port}), 2); print('reached')"
        return container_engine.docker(
            "exec", Container(container_engine, running_lab, service).identity, "python", "-c", code, check=False
        )

    assert reach("assistant", "postgres", 5432) == "reached"
    for service in ("model", "pager", "loadtest"):
        assert reach(service, "postgres", 5432) == "", f"{service} has no way to the database"
    # By name and by address: another network's address leads nowhere either.
    postgres = Container(container_engine, running_lab, "postgres")
    [network] = postgres.facts["NetworkSettings"]["Networks"].values()
    assert reach("model", network["IPAddress"], 5432) == ""
    assert reach("loadtest", "pager", 5003) == "", "users do not reach the pager"
    assert reach("loadtest", "assistant", 5001) == "reached"


def test_the_secrets_are_readable_by_their_group_alone(
    container_engine: ContainerEngine, running_lab: RunningLab
) -> None:
    assistant = Container(container_engine, running_lab, "assistant")
    code = (
        "import pathlib; files = sorted(pathlib.Path('/run/lab/secrets').glob('[!.]*'));"
        "print({file.name: oct(file.stat().st_mode)[-3:] for file in files})"
    )
    modes = container_engine.docker("exec", assistant.identity, "python", "-c", code)
    assert modes == str(dict.fromkeys(("admin_token", "grafana_admin_password", "postgres_password"), "440"))


def test_nothing_was_killed_for_memory_or_restarted(container: Container) -> None:
    state = container.facts["State"]
    assert state["OOMKilled"] is False
    assert container.facts["RestartCount"] == 0
