"""Scenarios and faults on a real lab: however the command ends, the lab is healthy afterwards."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.query import wait_for
from lab.scenarios.observe.alert_observer import capture_baseline
from lab.settings import ROOT
from loadtest.scenarios.catalogue.infrastructure.pipeline_stall import PipelineStall
from tests.support.labs.running import RunningLab

BACK_SECONDS = 40
ALERT_SECONDS = 120


@contextmanager
def running(lab: RunningLab, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The lab command, with the tests' own scenario, going on in the background."""
    command = [sys.executable, "-m", "tests.support.labs.scenarios_of_tests", *arguments]
    environment = {**lab.environment, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], pattern: str) -> None:
    """Read its lines until one has this."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if re.search(pattern, line):
            return
    raise AssertionError(f"it never said {pattern}: {''.join(said)}")


def notes(lab: RunningLab) -> list[Path]:
    return list((lab.home / "stopped").glob("*.json"))


def whole(lab: RunningLab) -> bool:
    """No fault is on, no server stopped, no restarter left."""
    return lab.lab.loki.ready() and lab.lab.model.ready() and lab.lab.model.faults() == [] and not notes(lab)


@pytest.fixture
def steady(running_lab: RunningLab) -> RunningLab:
    """The lab, once the alerts of the test before are resolved."""
    assert wait_for(lambda: whole(running_lab), BACK_SECONDS)
    assert wait_for(lambda: running_lab.lab.prometheus.value('sum(up{job=~"loki|assistant|model"})') == 3, 30)
    # ServiceDown keeps firing for 30 s after its end: a scenario that expects it must not begin before.
    assert wait_for(lambda: not _active(running_lab), ALERT_SECONDS)
    return running_lab


def _active(running: RunningLab) -> bool:
    """Return whether an alert that PipelineStall expects is active in Prometheus or in the pager."""
    before = capture_baseline(running.lab).active_for(PipelineStall.needs)
    return bool(before & {*PipelineStall.expected_alerts})


def test_a_run_with_a_stopped_server_passes_and_puts_everything_back(steady: RunningLab, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with running(steady, "scenario", "run", "loki-away", "--quick", "--blind", "--report", str(report)) as run:
        read_until(run, "fault on +hidden")
        assert wait_for(lambda: not steady.lab.loki.ready(), 15)
        (fault,) = steady.lab.model.faults()
        assert fault.fault == "hidden"
        assert run.stdout is not None
        rest = run.stdout.read()
        assert run.wait(60) == 0, rest
    content = json.loads(report.read_text())
    assert (content["outcome"], [one["fault"] for one in content["faults"]]) == ("passed", ["stop-loki", "errors"])
    assert "Revealed: Loki is stopped" in rest
    assert whole(steady)


def test_a_killed_run_leaves_no_server_stopped(steady: RunningLab) -> None:
    with running(steady, "scenario", "run", "loki-away") as run:
        read_until(run, "fault on +loki")
        assert wait_for(lambda: not steady.lab.loki.ready(), 15)
        ends_at = json.loads(notes(steady)[0].read_text())["ends_at"]
        run.send_signal(signal.SIGKILL)
        run.wait(10)
    assert wait_for(steady.lab.loki.ready, BACK_SECONDS)
    assert time.time() < ends_at
    # The other fault was sent with its end.
    assert wait_for(lambda: whole(steady), ends_at + 5 - time.time())


def test_ctrl_c_in_the_middle_puts_everything_back(steady: RunningLab, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with running(steady, "scenario", "run", "pipeline-stall", "--users", "2", "--report", str(report)) as run:
        read_until(run, "effect +Loki does not answer")
        locust = [
            one for one in psutil.Process(run.pid).children(recursive=True) if "locust" in " ".join(one.cmdline())
        ]
        assert locust
        run.send_signal(signal.SIGINT)
        assert run.wait(BACK_SECONDS) == 130
    assert whole(steady)
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in locust)
    content = json.loads(report.read_text())
    assert (content["outcome"], content["exit_code"]) == ("stopped", 130)
    assert content["requests"]


def test_a_run_whose_assistant_restarts_is_aborted(steady: RunningLab, tmp_path: Path, engine: str) -> None:
    report = tmp_path / "report.json"
    with running(steady, "scenario", "run", "loki-away", "--report", str(report)) as run:
        read_until(run, "effect +Prometheus cannot scrape it")
        kill_assistant(steady, engine)
        assert run.wait(60) == 1
    content = json.loads(report.read_text())
    assert content["outcome"] == "aborted"
    assert content["reason"].startswith("assistant restarted: its faults ended")
    assert wait_for(lambda: whole(steady), BACK_SECONDS)


def kill_assistant(lab: RunningLab, engine: str) -> None:
    if engine == "compose":
        for what in ("kill", "start"):
            command = ["docker", "compose", "-p", lab.project, what, "assistant"]
            subprocess.run(command, cwd=ROOT, env=lab.environment, check=True)
        return
    port = int(lab.settings.values["ASSISTANT_PORT"])
    for process in psutil.process_iter():
        try:
            if any(one.laddr.port == port for one in process.net_connections("tcp") if one.status == "LISTEN"):
                process.kill()
        except psutil.Error:
            continue


def test_a_fault_by_hand_has_its_end(steady: RunningLab) -> None:
    run: Callable[..., Any] = steady.run
    run("fault", "on", "latency", "--service", "model", "--for", "60", "--param", "seconds=0.5")
    run("fault", "on", "stop", "--target", "loki", "--for", "8s")
    assert not steady.lab.loki.ready()
    listed = run("fault", "list").stdout
    assert "model: latency" in listed
    assert "engine: loki is stopped" in listed
    refused = run("scenario", "run", "steady", "--quick", check=False)
    assert "The fault `latency` is on in model already" in refused.stderr
    assert wait_for(steady.lab.loki.ready, BACK_SECONDS)
    run("fault", "off")
    assert whole(steady)


def test_wrong_input_is_refused(steady: RunningLab) -> None:
    for arguments, words in (
        (("fault", "on", "latencyy", "--for", "5"), "Did you mean `latency`?"),
        (("fault", "on", "latency"), "must end by itself"),
        (("scenario", "run", "stedy"), "Did you mean `steady`?"),
        (("drill",), "Name some, or say `lab drill --all`."),
    ):
        done = steady.run(*arguments, check=False)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
