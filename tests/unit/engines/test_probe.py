"""Each fault of a container engine is one sentence with one command.

The `docker` on PATH is a script that says the recorded output of real ones (recorded_docker.py); tests/compose asks
real ones.
"""

import getpass
import json
from pathlib import Path

import pytest

from lab.engines import fix_commands
from lab.engines import probe as probe_module
from lab.engines.choice import choose
from lab.engines.probe import Probe, probe
from lab.errors import LabError
from lab.settings import LabSettings, State
from tests.unit.engines import recorded_docker as said
from tests.unit.engines.conftest import HANGS, Machine


def test_a_healthy_engine_is_named_with_its_versions(machine: Machine) -> None:
    machine.docker()

    assert probe() == Probe(version="Docker 20.10.24+dfsg1 with Compose 5.0.2")


def test_a_compose_built_from_source_has_no_number_and_is_taken(machine: Machine) -> None:
    machine.docker(compose="dev")

    assert probe().version.endswith("with Compose dev")


def test_no_docker_program(machine: Machine) -> None:
    answer = probe()

    assert (answer.fault, answer.installed) == ("there is no `docker` program", False)
    assert "docker" in answer.remedy


@pytest.mark.parametrize("version", ["2.23.3", "v2.5.1", "1.29.2"])
def test_a_compose_that_is_too_old(machine: Machine, version: str) -> None:
    machine.docker(compose=version)

    answer = probe()

    assert answer.fault == f"Docker Compose {version.removeprefix('v')} is too old (2.24 or later is needed)"
    assert answer.remedy.startswith("curl") and answer.remedy.endswith("cli-plugins/docker-compose")


def test_the_first_compose_that_is_new_enough(machine: Machine) -> None:
    machine.docker(compose="2.24.0")

    assert probe().fault == ""


def test_no_compose_at_all(machine: Machine) -> None:
    machine.docker(compose=(125, "", said.NO_PLUGIN))

    answer = probe()

    assert answer.fault == "Docker has no Compose plugin"
    assert fix_commands.COMPOSE in answer.remedy


def test_compose_version_one(machine: Machine) -> None:
    machine.docker(compose=(125, "", said.NO_PLUGIN))
    machine.program("docker-compose", {"version --short": "1.29.2"})

    answer = probe()

    assert answer.fault == "there is only the old `docker-compose` 1.29.2, which cannot read docker-compose.yml"
    assert answer.remedy.startswith("curl")


def test_a_new_compose_that_is_no_plugin_becomes_one(machine: Machine, tmp_path: Path) -> None:
    machine.docker(compose=(125, "", said.NO_PLUGIN))
    machine.program("docker-compose", {"version --short": "2.40.3"})

    answer = probe()

    assert answer.fault == "`docker-compose` 2.40.3 is here, but not as Docker's plugin"
    assert answer.remedy == (
        f"mkdir -p ~/.docker/cli-plugins && ln -sf {machine.folder}/docker-compose ~/.docker/cli-plugins/docker-compose"
    )


def test_a_dead_engine(machine: Machine) -> None:
    machine.docker(version=(1, said.SILENT, said.CANNOT_CONNECT))

    answer = probe()

    assert answer.fault == "no container engine answers at unix:///var/run/docker.sock"
    assert answer.remedy in {
        "sudo systemctl start docker",
        "sudo service docker start",
        "open -a Docker",
    }


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("unix:///home/ann/.colima/default/docker.sock", "colima start"),
        ("unix:///run/user/1000/docker.sock", "systemctl --user start docker"),
        ("unix:///home/ann/.docker/desktop/docker.sock", "systemctl --user start docker-desktop"),
        ("unix:///home/ann/elsewhere.sock", "docker context use default"),
        ("tcp://127.0.0.1:2375", "docker context use default"),
    ],
)
def test_a_dead_engine_is_started_as_it_fits_its_address(machine: Machine, address: str, remedy: str) -> None:
    machine.docker(context=address, version=(1, said.SILENT, said.CANNOT_CONNECT.replace(said.ADDRESS, address)))

    answer = probe()

    assert answer.fault == f"no container engine answers at {address}"
    assert answer.remedy == remedy


def test_a_docker_host_where_nothing_answers(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    machine.docker(context="tcp://127.0.0.1:1", version=(1, said.SILENT, said.CANNOT_CONNECT))

    answer = probe()

    assert answer.fault == "DOCKER_HOST points to tcp://127.0.0.1:1, and no engine answers there"
    assert answer.remedy == "unset DOCKER_HOST"


@pytest.mark.parametrize("address", ["ssh://ann@far.example", "tcp://10.0.0.7:2375"])
def test_an_engine_on_another_machine_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    machine.docker(context=address)

    answer = probe()

    assert answer.fault.startswith(f"Docker's engine is on another machine ({address})")
    assert answer.remedy == "unset DOCKER_CONTEXT"


@pytest.mark.parametrize("words", [said.NO_CONTEXT, said.BAD_HOST])
def test_an_address_that_docker_does_not_understand(machine: Machine, words: str) -> None:
    machine.docker(context=(1, "", words))

    answer = probe()

    assert answer.fault == f"Docker does not know where its engine is ({words})"
    assert answer.remedy == "docker context use default"


def test_a_socket_of_another_group(machine: Machine) -> None:
    machine.docker(version=(1, said.SILENT, said.PERMISSION_DENIED))

    answer = probe()

    assert answer.fault == "this user may not use Docker's engine (/var/run/docker.sock: permission denied)"
    assert "usermod -aG docker" in answer.remedy or answer.remedy == "newgrp docker"


def test_a_member_of_the_group_only_logs_in_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Group:
        gr_name = "docker"
        gr_mem = (getpass.getuser(),)

    monkeypatch.setattr("grp.getgrgid", lambda number: Group)
    monkeypatch.setattr("grp.getgrnam", lambda name: Group)

    assert fix_commands.permission(f"unix://{tmp_path}") == "newgrp docker"


def test_something_else_that_answers(machine: Machine) -> None:
    machine.docker(version=(1, said.SILENT, said.NO_ENGINE))

    assert "is no container engine that Docker can use (request returned 404 Not Found" in probe().fault


def test_an_engine_that_hangs(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.docker(version=HANGS)
    monkeypatch.setattr(probe_module, "SECONDS", 1)

    assert probe().fault == "Docker's engine at unix:///var/run/docker.sock hangs (no answer within 1 s)"


def test_an_engine_that_is_too_old(machine: Machine) -> None:
    """Made up: no engine older than 20.10 could be had."""
    old = json.loads(said.DOCKER_20)
    old["Server"] |= {"Version": "19.03.15", "ApiVersion": "1.40"}
    machine.docker(version=json.dumps(old))

    assert probe().fault == "Docker Engine 19.03.15 is too old (20.10 or later is needed)"


def test_podman_under_the_name_of_docker(machine: Machine) -> None:
    machine.docker(program=said.PODMAN_PROGRAM)

    answer = probe()

    assert (
        answer.fault == "`docker` is Podman's emulation here (podman version 4.3.1), with which the lab was never run"
    )
    assert answer.remedy == "LAB_ENGINE=native make up"


def test_podman_behind_dockers_own_program_is_only_taken_when_it_is_asked_for(machine: Machine, tmp_path: Path) -> None:
    machine.docker(version=said.PODMAN_4)

    answer = probe()

    assert (answer.fault, answer.version) == ("", "Podman 4.3.1 with Compose 5.0.2")
    assert answer.doubt.startswith("Podman 4.3.1 answers in Docker's place, on which the whole lab was never run")
    assert chosen(tmp_path) == ("native", f"{answer.doubt}; to try it: LAB_ENGINE=compose make up")
    assert chosen(tmp_path, LAB_ENGINE="compose") == ("compose", f"LAB_ENGINE requests it; {answer.doubt}")


def test_rootless_docker_says_which_limits_do_not_hold(machine: Machine, tmp_path: Path) -> None:
    machine.docker(info=said.INFO_ROOTLESS)

    answer = probe()

    assert answer.version
    [(text, remedy)] = answer.cautions
    assert text.startswith("limits of memory and processes do not hold here") and "rootless" in text
    assert "unified_cgroup_hierarchy" in remedy
    assert text in chosen(tmp_path)[1]


def test_rootless_docker_without_delegation(machine: Machine) -> None:
    machine.docker(info=said.INFO_ROOTLESS.replace('"CgroupVersion": "1"', '"CgroupVersion": "2"'))

    [(_, remedy)] = probe().cautions

    assert "delegate.conf" in remedy and "\n" not in remedy


# --- which engine is taken -------------------------------------------------------------------------------------------


def chosen(home: Path, **environment: str) -> tuple[str, str]:
    choice = choose(LabSettings.load({"LAB_HOME": str(home), **environment}))
    return choice.engine.name, choice.reason


def test_compose_is_taken_where_it_can_be_used(machine: Machine, tmp_path: Path) -> None:
    machine.docker()

    assert chosen(tmp_path) == ("compose", "Docker 20.10.24+dfsg1 with Compose 5.0.2 answers")


def test_native_is_taken_else_with_the_reason_and_the_command(machine: Machine, tmp_path: Path) -> None:
    machine.docker(version=(1, said.SILENT, said.PERMISSION_DENIED))

    engine, reason = chosen(tmp_path)

    assert engine == "native"
    assert reason == f"{probe().fault}; for containers: {probe().remedy}"


def test_native_that_is_asked_for_asks_no_docker(machine: Machine, tmp_path: Path) -> None:
    machine.program("docker", {})

    assert chosen(tmp_path, LAB_ENGINE="native") == ("native", "LAB_ENGINE requests it")


def test_compose_that_is_asked_for_is_refused_with_the_command(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(LabError) as refused:
        chosen(tmp_path, LAB_ENGINE="compose")

    assert refused.value.message == (
        "Containers are requested (LAB_ENGINE requests it), but there is no `docker` program."
    )
    assert refused.value.remedy == fix_commands.install_docker()


def test_a_lab_that_runs_stays_on_its_engine(machine: Machine, tmp_path: Path) -> None:
    settings = LabSettings.load({"LAB_HOME": str(tmp_path)})
    State("native", 1.0, dict(settings.values), {}).write(settings)
    machine.docker()

    assert chosen(tmp_path) == ("native", "the lab runs on it")
    with pytest.raises(LabError, match="runs on the native engine, but LAB_ENGINE requests compose"):
        chosen(tmp_path, LAB_ENGINE="compose")
