"""A real supervisord with small processes."""

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab import ports
from lab.engines.native.supervisor import Process, Supervisor
from lab.query import wait_for

_PRINTS = "import os,time; print(os.environ['GREETING'], flush=True); time.sleep(600)"


def process(name: str, folder: Path, code: str = _PRINTS) -> Process:
    greeting = f"100% \"{name}\" \\ , it's # ok ; 'or #not"
    return Process(name, [sys.executable, "-c", code], {"GREETING": greeting}, folder, stop_seconds=2)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path)
    made.write([process("one", tmp_path), process("two", tmp_path)])
    made.start_daemon()
    yield made
    made.shutdown()


def state(supervisor: Supervisor, name: str) -> str:
    return supervisor.processes()[name].state


def test_nothing_starts_by_itself(supervisor: Supervisor) -> None:
    assert {info.state for info in supervisor.processes().values()} == {"STOPPED"}


def test_a_process_gets_its_environment_as_it_was_given(supervisor: Supervisor) -> None:
    supervisor.start("one")

    assert wait_for(lambda: supervisor.tail("one"), 10) == ["100% \"one\" \\ , it's # ok ; 'or #not"]


def test_one_process_is_stopped_and_the_other_goes_on(supervisor: Supervisor) -> None:
    supervisor.start("one")
    supervisor.start("two")
    assert wait_for(lambda: state(supervisor, "two") == "RUNNING", 10)

    supervisor.stop(["one"])

    assert state(supervisor, "one") == "STOPPED"
    assert state(supervisor, "two") == "RUNNING"


def test_a_process_that_ends_again_and_again_is_fatal(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.write([process("one", tmp_path, "print('no such table', flush=True); raise SystemExit(3)")])
    supervisor.reload()
    supervisor.start("one")

    assert wait_for(lambda: state(supervisor, "one") == "FATAL", 20)
    assert supervisor.tail("one")[-1] == "no such table"
    assert "two" not in supervisor.processes(), "what is no longer described is gone"


def test_shutdown_leaves_no_process(supervisor: Supervisor) -> None:
    supervisor.start("one")
    assert wait_for(lambda: state(supervisor, "one") == "RUNNING", 10)
    assert supervisor.orphans(), "they carry the mark"

    supervisor.shutdown()

    assert supervisor.orphans() == []
    assert not supervisor.running()


def test_children_of_a_killed_supervisord_are_found_and_ended(supervisor: Supervisor) -> None:
    supervisor.start("one")
    assert wait_for(lambda: state(supervisor, "one") == "RUNNING", 10)
    pid = supervisor.processes()["one"].pid
    daemon = psutil.Process(pid).parent()
    assert daemon is not None
    daemon.kill()
    assert wait_for(lambda: not supervisor.running(), 10)
    assert psutil.pid_exists(pid)

    supervisor.shutdown()

    assert wait_for(lambda: not psutil.pid_exists(pid), 10)


def test_a_deep_folder_is_no_trouble_for_the_socket(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 6)
    deep.mkdir(parents=True)
    made = Supervisor(deep)
    made.write([process("one", deep)])
    try:
        made.start_daemon()
        assert made.running()
    finally:
        made.shutdown()


def test_a_busy_port_and_its_holder_are_named() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]

        taken = ports.busy([port])

        own = psutil.Process()
        assert taken == {port: f"{own.name()} (process id {own.pid})"}
    deadline = time.monotonic() + 5
    while ports.busy([port]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ports.busy([port]) == {}


def test_only_the_owner_reads_its_configuration(tmp_path: Path) -> None:
    """It holds the key of a model provider."""
    made = Supervisor(tmp_path)
    made.write([])
    assert made.config.stat().st_mode & 0o777 == 0o600
    made.config.chmod(0o644)  # as an older version left it
    made.write([])
    assert made.config.stat().st_mode & 0o777 == 0o600
