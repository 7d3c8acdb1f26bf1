"""The lab command as a person meets it: from nothing to running and back, and every way to get it wrong."""

import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from lab import ports
from lab.engines.native.supervisor import Supervisor
from lab.query import wait_for
from lab.settings import LabSettings
from tests.support.labs.running import RunningLab
from tests.support.servers.customers import Customer


@pytest.fixture
def fresh_lab() -> Iterator[RunningLab]:
    """A lab that was never started."""
    made = RunningLab(BASELINE_USERS="1")
    yield made
    made.run("down", check=False)


def bound(running: RunningLab) -> dict[int, str]:
    return ports.busy(LabSettings.load(running.environment).ports().values())


def test_a_lab_comes_up_twice_and_leaves_nothing(fresh_lab: RunningLab) -> None:
    fresh_lab.environment["MODEL_API_KEY"] = "sk-123"
    first = fresh_lab.run("up", timeout=1800)
    settings = fresh_lab.settings
    supervisor = Supervisor(settings.native)
    assert re.search(r"Ready in \d", first.stdout)
    assert fresh_lab.url("assistant") in first.stdout
    assert "Engine: native (LAB_ENGINE requests it)" in first.stdout
    assert "MODEL_API_KEY of the shell is not used: `lab key`" in first.stdout

    again = fresh_lab.run("up")
    assert "already runs on the native engine" in again.stdout

    fresh_lab.run("down")
    assert supervisor.orphans() == []
    assert bound(fresh_lab) == {}

    second = fresh_lab.run("up")
    assert "Ready in" in second.stdout
    assert httpx.get(fresh_lab.url("assistant") + "/ready", timeout=5).status_code == 200
    fresh_lab.run("down")
    assert supervisor.orphans() == []

    kept = settings.volume("assistant-data") / "assistant.db"
    refused = fresh_lab.run("clean", check=False)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert kept.exists(), "nothing is deleted unasked"
    fresh_lab.run("clean", "--yes")
    assert not kept.exists()


def test_ctrl_c_in_the_middle_of_up_leaves_no_process(fresh_lab: RunningLab) -> None:
    process = subprocess.Popen(
        fresh_lab.command("up"), env=fresh_lab.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    supervisor = Supervisor(LabSettings.load(fresh_lab.environment).native)
    assert wait_for(supervisor.running, 30), "it has begun to start servers"

    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert supervisor.orphans() == []
    assert wait_for(lambda: bound(fresh_lab) == {}, 10)


def test_ctrl_c_during_a_build_ends_the_compiler_too(fresh_lab: RunningLab, tmp_path: Path) -> None:
    began = tmp_path / "began"
    path = fake(tmp_path, "go", f"touch {began}; sleep 600 & wait")
    fresh_lab.environment |= {
        "PATH": f"{path.split(':')[0]}:/usr/bin:/bin",
        "LAB_CACHE": str(tmp_path / "cache"),
        "PROGRAM_DOWNLOADS": "false",
    }
    process = subprocess.Popen(
        fresh_lab.command("up"), env=fresh_lab.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert wait_for(began.exists, 60)
    compilers = [child for child in psutil.Process(process.pid).children(recursive=True) if child.name() == "sleep"]
    assert compilers

    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert not any(child.is_running() for child in compilers)
    assert not list((tmp_path / "cache").rglob(".build-*"))
    assert Supervisor(LabSettings.load(fresh_lab.environment).native).orphans() == []


def test_a_busy_port_and_its_holder_are_named_before_anything_starts(fresh_lab: RunningLab) -> None:
    port = int(fresh_lab.environment["LOKI_PORT"])
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()

        done = fresh_lab.run("up", check=False)

    assert done.returncode == 1
    assert (
        f"{port} (LOKI_PORT, for loki) is held by {psutil.Process().name()} (process id {os.getpid()})" in done.stderr
    )
    assert Supervisor(LabSettings.load(fresh_lab.environment).native).orphans() == []


def test_a_broken_setting_names_its_line(fresh_lab: RunningLab) -> None:
    fresh_lab.environment["LOKI_VERSION"] = "latest"

    done = fresh_lab.run("up", check=False)

    assert done.returncode == 2
    assert re.search(r"\.env cannot be used:\n\s+line \d+ .*LOKI_VERSION needs a version", done.stderr)


def test_without_programs_and_toolchain_the_rest_runs_and_the_loss_is_named(
    fresh_lab: RunningLab, tmp_path: Path
) -> None:
    fresh_lab.environment |= {"PATH": "/usr/bin:/bin", "LAB_CACHE": str(tmp_path)}

    done = fresh_lab.run("up")

    assert "prometheus" in done.stdout
    assert "no Go toolchain" in done.stdout
    assert "without it: no metrics and no alerts" in done.stdout
    assert Customer(fresh_lab.url("assistant")).say("Hello")["outcome"] == "ok", "the assistant answers"
    sick = fresh_lab.run("doctor", check=False)
    assert sick.returncode == 1
    assert "prometheus" in sick.stdout + sick.stderr


def fake(folder: Path, name: str, body: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("docker", "said"),
    [
        ("compose) echo 2.10.2;;", "Docker Compose 2.10.2 is too old (2.24 or later is needed)"),
        ("compose) exit 1;;", "Docker has no Compose plugin"),
        (
            'compose) echo 5.0.2;; version) echo "Cannot connect to the Docker daemon" >&2; exit 1;;',
            "no container engine answers at unix:///nowhere/docker.sock",
        ),
    ],
)
def test_an_unusable_compose_is_reported(fresh_lab: RunningLab, tmp_path: Path, docker: str, said: str) -> None:
    script = f'case "$1" in context) echo unix:///nowhere/docker.sock;; {docker} esac'
    fake(tmp_path, "docker", script)
    # A Compose without Docker on this machine's PATH is another story.
    fresh_lab.environment |= {"PATH": f"{tmp_path}:/usr/bin:/bin", "LAB_ENGINE": "compose"}

    done = fresh_lab.run("up", check=False)

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_that_needs_a_lab_says_how_to_start_one(fresh_lab: RunningLab) -> None:
    for command in (["doctor"], ["status"]):
        done = fresh_lab.run(*command, check=False)
        assert done.returncode == 1
        assert "make up" in done.stderr


def test_two_commands_at_once_are_refused(fresh_lab: RunningLab) -> None:
    first = subprocess.Popen(
        fresh_lab.command("up"), env=fresh_lab.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    lock = LabSettings.load(fresh_lab.environment).home / "lock"
    assert wait_for(lambda: lock.exists() and lock.read_text(), 20)

    second = fresh_lab.run("up", check=False)

    assert second.returncode == 1
    assert f"`lab up`, process id {first.pid}" in second.stderr
    first.send_signal(signal.SIGINT)
    first.wait(60)


def test_the_doctor_finds_one_request_everywhere(running_lab: RunningLab) -> None:
    done = running_lab.run("doctor")

    for signal_name in ("request", "metric", "exemplar", "log line", "trace"):
        assert re.search(rf"✓\s+{signal_name}\s+\d+\.\d\d", done.stdout), done.stdout
    assert "No problems found" in done.stdout


def test_the_doctor_names_what_is_broken(running_lab: RunningLab) -> None:
    supervisor = Supervisor(running_lab.settings.native)
    supervisor.stop(["loki"])
    try:
        done = running_lab.run("doctor", check=False)
    finally:
        running_lab.run("up")

    assert done.returncode == 1
    assert re.search(r"✗\s+log line", done.stdout), done.stdout
    assert re.search(r"Broken: .*loki", done.stderr)
    assert "lab logs" in done.stdout
    assert re.search(r"✓\s+trace", done.stdout), "the other signals are found"


def test_a_trace_is_drawn_in_the_terminal(running_lab: RunningLab) -> None:
    trace_id = Customer(running_lab.url("assistant")).say("Do you have a hairdresser in Austin?")["trace_id"]

    done = running_lab.run("trace", trace_id)

    assert "POST /chat" in done.stdout
    assert "model" in done.stdout


@pytest.mark.parametrize("wrong", ["xyz", "0" * 40, ""])
def test_what_is_no_trace_id_is_reported(running_lab: RunningLab, wrong: str) -> None:
    done = running_lab.run("trace", wrong, check=False)

    assert done.returncode == 2
    assert "is not a trace id" in done.stderr


def test_an_unknown_trace_is_reported(running_lab: RunningLab) -> None:
    began = time.monotonic()
    done = running_lab.run("trace", "ab" * 16, "--wait", "1", check=False)

    assert done.returncode == 1
    assert "No trace" in done.stderr
    assert time.monotonic() - began < 30


def test_an_unknown_service_is_reported(running_lab: RunningLab) -> None:
    done = running_lab.run("logs", "asistant", check=False)

    assert done.returncode == 2
    assert "There is no service `asistant`" in done.stderr


def test_a_providers_key_reaches_the_assistant_alone(running_lab: RunningLab) -> None:
    supervisor = Supervisor(running_lab.settings.native)
    before = supervisor.processes()["assistant"].pid
    key, file = "sk-of-a-provider-123", running_lab.settings.volume("secrets") / "model_api_key"
    try:
        done = running_lab.run("key", given=f"{key}\n")
        assert "Key stored." in done.stdout
        processes = {name: info.pid for name, info in supervisor.processes().items()}
        assert processes["assistant"] != before, "the assistant reads it at its start"
        assert Customer(running_lab.url("assistant")).say("Do you have a hairdresser in Austin?")["reply"]

        files = [one for one in running_lab.home.rglob("*") if one.is_file()]
        shown = [Path(f"/proc/{pid}/{name}") for pid in processes.values() if pid for name in ("environ", "cmdline")]
        assert [one for one in files + shown if key.encode() in one.read_bytes()] == [file]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert key not in done.stdout + done.stderr
    finally:
        running_lab.run("key", "--delete")
    assert not file.exists()


def test_one_service_is_restarted_and_the_others_go_on(running_lab: RunningLab) -> None:
    supervisor = Supervisor(running_lab.settings.native)
    before = {name: info.pid for name, info in supervisor.processes().items()}

    running_lab.run("restart", "model")

    after = {name: info.pid for name, info in supervisor.processes().items()}
    assert {name for name in before if before[name] != after[name]} == {"model"}
    assert httpx.get(running_lab.url("model") + "/ready", timeout=5).status_code == 200
