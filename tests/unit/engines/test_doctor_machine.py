"""What `lab doctor` says of the machine, before it looks at services."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from lab import doctor
from lab.doctor import Finding
from lab.engines.engine import Diagnosis, ServiceStatus
from lab.settings import ROOT, LabSettings, State
from tests.support.servers.ports import free_ports
from tests.unit.engines import recorded_docker as said
from tests.unit.engines.conftest import Machine


def settings(home: Path, **environment: str) -> LabSettings:
    names = LabSettings.load({}).ports()
    ports = {name: str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    return LabSettings.load({"LAB_HOME": str(home), **ports, **environment})


def test_an_engine_that_can_be_used_and_free_ports(machine: Machine, tmp_path: Path) -> None:
    machine.docker()

    assert doctor.machine(settings(tmp_path)) == [
        Finding("engine", True, "compose: Docker 20.10.24+dfsg1 with Compose 5.0.2"),
        Finding("ports", True, "all 12 are free"),
    ]


def test_compose_that_is_wanted_and_cannot_be_used_is_broken(machine: Machine, tmp_path: Path) -> None:
    machine.docker(version=(1, said.SILENT, said.PERMISSION_DENIED))

    [finding] = doctor.machine(settings(tmp_path, LAB_ENGINE="compose"))

    assert not finding.ok
    assert finding.text.startswith("compose (LAB_ENGINE requests it), but this user may not use Docker's engine")
    assert "docker" in finding.remedy


def test_a_docker_that_is_there_and_cannot_be_used_is_advice_where_native_mode_does(
    machine: Machine, tmp_path: Path
) -> None:
    machine.docker(version=(1, said.SILENT, said.CANNOT_CONNECT))

    chosen = settings(tmp_path)

    engine, ports = doctor.machine(chosen)

    assert engine.ok and engine.remedy
    assert engine.text == "native, because no container engine answers at unix:///var/run/docker.sock"
    assert ports == Finding("ports", True, f"all {len(chosen.ports())} are free")


def test_no_docker_at_all_is_not_a_problem(machine: Machine, tmp_path: Path) -> None:
    engine, _ = doctor.machine(settings(tmp_path))

    assert engine == Finding("engine", True, "native, because there is no `docker` program")


def test_limits_that_do_not_hold_are_advice(machine: Machine, tmp_path: Path) -> None:
    machine.docker(info=said.INFO_ROOTLESS)

    [_, limits, _] = doctor.machine(settings(tmp_path))

    assert (limits.name, limits.ok) == ("limits", True)
    assert limits.remedy


def test_a_port_that_is_taken_is_broken_before_the_start_and_its_own_afterwards(
    machine: Machine, tmp_path: Path
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = str(server.getsockname()[1])
        lab = settings(tmp_path, LAB_ENGINE="native", LOKI_PORT=port)

        [_, finding] = doctor.machine(lab)
        State("native", 1.0, dict(lab.values), {}).write(lab)

        assert not finding.ok
        assert f"{port} (LOKI_PORT, for loki) is held by" in finding.text
        assert [each.name for each in doctor.machine(lab)] == ["engine"]


def test_the_cause_is_in_the_row_of_its_service() -> None:
    rows = [ServiceStatus("postgres", "failed", "17.6", "image", None), ServiceStatus("init", "done", "1", "", None)]
    fatal = Diagnosis("postgres", "written by 16", "set POSTGRES_VERSION=16.4")

    [finding, init] = doctor.examine_services(rows, [fatal])

    assert finding == Finding(
        "postgres", False, "failed, version 17.6; written by 16", None, "set POSTGRES_VERSION=16.4"
    )
    assert init.ok


def test_a_service_that_runs_and_was_killed_for_memory_is_broken() -> None:
    rows = [ServiceStatus("model", "running", "0.1.0", "image", None)]

    [finding] = doctor.examine_services(rows, [Diagnosis("model", "killed for memory", "raise it")])

    assert (finding.ok, finding.remedy) == (False, "raise it")


def test_advice_leaves_a_running_service_well() -> None:
    rows = [ServiceStatus("grafana", "running", "11.6.0", "image", None)]

    [finding] = doctor.examine_services(rows, [Diagnosis("grafana", "written by 12", "go back", fatal=False)])

    assert finding.ok and finding.remedy == "go back"


def test_the_command_shows_the_engine_first(machine: Machine, tmp_path: Path) -> None:
    machine.docker(version=(1, said.SILENT, said.CANNOT_CONNECT))
    environment = {**os.environ, "LAB_HOME": str(tmp_path), "LAB_ENGINE": "compose", "COLUMNS": "250"}

    done = subprocess.run(
        [sys.executable, "-m", "lab", "doctor"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stdout.splitlines()[1].startswith("✗  engine")
    assert "no container engine answers at unix:///var/run/docker.sock" in done.stdout
    assert "Broken: engine." in done.stderr
