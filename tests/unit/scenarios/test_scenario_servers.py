"""A server that a scenario stopped is started again, also when the run is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.engines.compose import ComposeEngine
from lab.engines.native.engine import NativeEngine
from lab.errors import LabError
from lab.query import wait_for
from lab.scenarios.run.stopped_servers import Servers, stopped
from tests.support.labs.stoppable_lab import Stoppable

STOPS = """
import sys, time
from lab.scenarios.run.stopped_servers import Servers
from lab.settings import LabSettings
Servers(LabSettings.running()).stop("loki", 120)
print("stopped", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stoppable]:
    lab = Stoppable(tmp_path_factory.mktemp("home"))
    lab.start()
    yield lab
    lab.end()


@pytest.fixture
def small(running: Stoppable) -> Stoppable:
    running.restore()
    assert wait_for(running.answers, 10)
    return running


def guardians(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if "lab.scenarios.run.restarter" in line and any(str(home) in word for word in line):
            found.append(process)
    return found


def test_stopped_and_started_again(small: Stoppable) -> None:
    servers = Servers(small.settings)
    servers.stop("loki", 60)
    assert not small.answers()
    (note,) = stopped(small.settings.home)
    assert (note.server, round(note.ends_at - note.stopped_at)) == ("loki", 60)
    assert len(guardians(small.settings.home)) == 1
    servers.start("loki")
    assert small.answers()
    assert stopped(small.settings.home) == []
    assert guardians(small.settings.home) == []


def test_it_comes_back_at_its_end_though_no_one_waits(small: Stoppable) -> None:
    note = Servers(small.settings).stop("loki", 2, stays=True)
    assert not small.answers()
    assert wait_for(small.answers, 10)
    assert time.time() >= note.ends_at
    assert wait_for(lambda: not stopped(small.settings.home), 5)
    assert wait_for(lambda: not guardians(small.settings.home), 5)


def test_it_comes_back_when_who_stopped_it_is_killed(small: Stoppable) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPS],
        env={**os.environ, "LAB_HOME": str(small.settings.home), "PYTHONPATH": str(small.settings.root)},
        stdout=subprocess.PIPE,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"stopped\n"
        assert not small.answers()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    assert wait_for(small.answers, 10)


def test_a_restarter_leaves_alone_what_is_another_stop(small: Stoppable) -> None:
    servers = Servers(small.settings)
    servers.stop("loki", 4, stays=True)
    servers.start("loki")
    servers.stop("loki", 60)
    assert not wait_for(small.answers, 4.5)  # the first one's end is over by then
    servers.start("loki")


def test_a_lab_that_was_stopped_meanwhile_is_not_started(small: Stoppable) -> None:
    Servers(small.settings).stop("loki", 1.5, stays=True)
    small.settings.state_file.unlink()
    assert wait_for(lambda: not stopped(small.settings.home), 10)
    assert not small.answers()


def test_without_a_restarter_nothing_is_stopped(small: Stoppable, monkeypatch: pytest.MonkeyPatch) -> None:
    before = small.supervisor.processes()["loki"].pid
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LabError, match="the process that would bring it back does not start"):
        Servers(small.settings).stop("loki", 60)
    assert small.answers()
    assert small.supervisor.processes()["loki"].pid == before
    assert stopped(small.settings.home) == []


def test_a_start_that_comes_while_it_is_on_its_way_out_is_not_lost(small: Stoppable) -> None:
    engine = NativeEngine(small.settings)
    stopping = threading.Thread(target=engine.stop, args=(["loki"],))
    before = small.supervisor.processes()["loki"].pid
    stopping.start()
    assert wait_for(lambda: small.state() == "STOPPING", 5, every=0.01)
    engine.start(["loki"])
    stopping.join()
    info = small.supervisor.processes()["loki"]
    assert small.answers()
    assert info.pid != before


def test_names_that_cannot_be_stopped(small: Stoppable) -> None:
    servers = Servers(small.settings)
    with pytest.raises(LabError, match="There is no server `postgres` on this engine"):
        servers.check("postgres")
    with pytest.raises(LabError, match="tempo does not run here"):
        servers.check("tempo")
    with pytest.raises(LabError, match="There is no service `x`"):
        NativeEngine(small.settings).stop(["x"])
    with pytest.raises(LabError, match="tempo does not run here: there is none here"):
        NativeEngine(small.settings).start(["tempo"])
    servers.stop("loki", 60)
    with pytest.raises(LabError, match=r"loki is stopped already, on purpose, for another \d+ s"):
        servers.check("loki")
    servers.start("loki")


def test_compose_stops_one_container_and_starts_it_without_its_dependencies(
    small: Stoppable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    row = {"Service": "loki", "State": "running", "Health": "", "ExitCode": 0, "ID": "c1"}
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\necho \"$*\" >> {said}\ncase \"$*\" in *' ps '*) echo '{json.dumps(row)}';; esac\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    engine = ComposeEngine(small.settings)
    engine.stop(["loki"])
    engine.start(["loki"])
    lines = [line.split(str(small.settings.root) + " ")[1] for line in said.read_text().splitlines()]
    assert lines[0] == "stop loki"
    assert lines[1] == "up --detach --no-deps --no-recreate --no-build loki"
    with pytest.raises(LabError, match="There is no service `lokki`"):
        engine.stop(["lokki"])
