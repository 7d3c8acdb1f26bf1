"""A whole run against a stand-in lab: what is reported, what the report holds, and that nothing is left switched on."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from lab.errors import LabError
from lab.scenarios.run.context import Options
from lab.scenarios.run.runner import execute
from lab.scenarios.run.scenario_lock import scenario_lock
from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario
from loadtest.scenarios.preconditions import Precondition
from tests.support.labs.stub_lab import ALERT, FIRING, PAGED, PENDING, StubLab
from tests.support.servers.stub_server import serving


class Outage(Scenario):
    name = "outage"
    summary = "It breaks."
    faults = (Fault("model", "errors", at=0.1, duration=30, parameters={"status": 503}),)
    effects = (Effect("it is seen", "effect", within=5),)
    expected_alerts = (ALERT,)
    forbidden_alerts = (ANY,)
    page_within = 3
    resolve_within = 3
    duration = 0.5
    quick_duration = 0.5
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")


class Short(Outage):
    faults: ClassVar = (Fault("model", "errors", at=0.1, duration=1.2),)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[StubLab]:
    with serving() as server:
        yield StubLab(server, tmp_path)


def run(lab: StubLab, scenario: type[Scenario], **options: Any) -> tuple[int, str, dict[str, Any]]:
    out = io.StringIO()
    report = lab.settings.home / "report.json"
    code = execute(scenario, Options(report=report, **options), lab.settings, Console(file=out, width=150))
    return code, out.getvalue(), json.loads(report.read_text())


def test_a_run_as_declared(lab: StubLab) -> None:
    code, text, report = run(lab, Outage, quick=True, seed=7)
    assert (code, report["outcome"], report["exit_code"]) == (0, "passed", 0)
    events = [one["event"] for one in report["timeline"]]
    order = ["fault on", "first failure", "pending", "notified", "fault off", "resolved"]
    assert [one for one in events if one in order] == order
    # Prometheus may say "cleared" only after the pager has said "resolved", and then no one listens any more.
    assert {"firing", "effect"} <= set(events)
    assert lab.deleted == 1
    assert not lab.is_on()
    assert all(row["ok"] for row in report["expected"])
    assert (report["seed"], report["versions"]["LOKI_VERSION"], report["engine"]) == (7, "3.7.8", "native")
    assert "model: errors (intensity 1, status 503), for at most 30 s" in text
    assert "outage: passed" in text


def test_the_way_from_fault_to_page_adds_up(lab: StubLab) -> None:
    _, text, report = run(lab, Outage, quick=True)
    (latency,) = report["pages"]
    assert latency["alert"] == ALERT
    assert latency["notified"] == pytest.approx(PAGED, abs=0.2)
    assert (latency["for_duration"], latency["group_wait"]) == (pytest.approx(FIRING - PENDING), 0.1)
    assert latency["first_failure"] + latency["crossing"] == pytest.approx(PENDING, abs=0.2)
    assert latency["theoretical_minimum"] == pytest.approx(
        PENDING + latency["for_duration"] + latency["group_wait"], abs=0.2
    )
    assert "Minimum: first failed answer" in text


def test_without_quick_the_fault_stays_its_whole_time(lab: StubLab) -> None:
    _, _, report = run(lab, Short)
    times = {one["event"]: one["seconds"] for one in report["timeline"]}
    assert times["fault off"] - times["fault on"] == pytest.approx(1.2, abs=0.4)
    assert report["outcome"] == "passed"


def test_a_page_that_does_not_come_fails_and_says_how_far_it_got(lab: StubLab) -> None:
    lab.pages = False
    code, _, report = run(lab, Short)
    assert (code, report["outcome"]) == (1, "failed")
    page = next(row for row in report["expected"] if row["what"] == f"page {ALERT}")
    assert (page["ok"], page["observed"]) == (False, "never pending")
    assert lab.deleted == 1


def test_a_forbidden_page_fails(lab: StubLab) -> None:
    lab.other_page = True
    code, _, report = run(lab, Outage, quick=True)
    assert code == 1
    assert [row["what"] for row in report["expected"] if not row["ok"]] == ["page Surprise"]


def test_an_effect_that_is_not_seen_fails(lab: StubLab) -> None:
    class Unseen(Short):
        effects: ClassVar = (Effect("never seen", "never", within=1),)

    code, _, report = run(lab, Unseen)
    assert code == 1
    assert [row["what"] for row in report["expected"] if not row["ok"]] == ["never seen"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_from_outside(lab: StubLab, number: signal.Signals) -> None:
    def interrupt() -> None:
        while not lab.is_on():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt).start()
    before = signal.getsignal(signal.SIGINT)
    code, text, report = run(lab, Outage)
    assert (code, report["outcome"], report["exit_code"]) == (130, "stopped", 130)
    assert lab.deleted == 1
    assert not lab.is_on()
    assert "stopping" in text
    assert signal.getsignal(signal.SIGINT) is before


def test_a_fault_that_cannot_be_switched_off_is_reported_and_has_its_end(
    lab: StubLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.scenarios.run.faults._OFF_TIMEOUT_SECONDS", 0.1)
    lab.server.answer("DELETE", "/admin/faults/errors", {"detail": "no"}, 500)
    code, text, _ = run(lab, Outage, quick=True)
    assert code == 1
    assert "could not be switched off" in text
    (order,) = lab.server.asked_for("POST", "/admin/faults")
    assert json.loads(order["body"])["duration_seconds"] == 30


def test_a_service_that_refuses_the_fault_ends_the_run(lab: StubLab) -> None:
    lab.server.answer("POST", "/admin/faults", {"detail": "There is no such fault."}, 422)
    code, _, report = run(lab, Outage)
    assert (code, report["outcome"]) == (1, "aborted")
    assert "There is no such fault." in report["reason"]


def test_what_forbids_to_begin(lab: StubLab) -> None:
    lab.on_at, lab.fault = time.time(), {"duration_seconds": 60}
    with pytest.raises(LabError, match="The fault `errors` is on in model already for another"):
        run(lab, Outage)
    lab.fault = None
    with pytest.raises(LabError, match=f"{ALERT} is already firing"):
        time.sleep(PENDING)
        run(lab, Outage)
    lab.server.answer("GET", "/ready", b"starting", 503)
    with pytest.raises(LabError, match=r"`outage` cannot run, .*model \(its faults cannot be switched\)"):
        run(lab, Outage)
    (lab.settings.home / "state.json").unlink()
    with pytest.raises(LabError, match="The lab does not run"):
        run(lab, Outage)
    assert not lab.server.asked_for("POST", "/admin/faults")


def test_it_begins_when_what_it_waits_to_be_rid_of_has_left_the_figures(lab: StubLab) -> None:
    class Calmed(Outage):
        preconditions: ClassVar = (Precondition("the noise of before", "noise"),)

    answers, usual = iter([4.0, 2.0]), lab.server.answers["GET", "/api/v1/query"]

    def query(request: dict[str, Any]) -> tuple[int, Any]:
        if request["params"]["query"] != "noise":
            return usual(request)
        row = {"metric": {}, "value": [0, str(next(answers, 0.0))]}
        return 200, {"data": {"resultType": "vector", "result": [row]}}

    lab.server.react("GET", "/api/v1/query", query)
    code, text, _ = run(lab, Calmed, quick=True)
    assert code == 0
    assert "Waiting until the noise of before has left the metrics." in text
    assert next(answers, None) is None, "it asked until nothing was left"


def test_no_traffic_forbids_to_begin_but_own_users_do_not(lab: StubLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.scenarios.run.preflight._FIRST_TRAFFIC_SECONDS", 0.1)
    lab.server.answer("GET", "/api/v1/query", {"data": {"resultType": "vector", "result": []}})
    with pytest.raises(LabError, match="No requests reach the assistant") as caught:
        run(lab, Outage)
    assert "--users 4" in caught.value.remedy


def test_one_scenario_at_a_time_and_a_killed_one_does_not_stay_in_the_way(lab: StubLab) -> None:
    home = lab.settings.home
    code = (
        "import sys, time, pathlib; from lab.scenarios.run.scenario_lock import scenario_lock\n"
        "with scenario_lock(pathlib.Path(sys.argv[1]), 'other'): print('held', flush=True); time.sleep(60)"
    )
    root = str(lab.settings.root)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, cwd=root, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LabError, match=rf"The scenario `other` runs already \(process {other.pid}"):
            run(lab, Outage)
        other.kill()
        other.wait()
        with scenario_lock(home, "mine"):
            pass
