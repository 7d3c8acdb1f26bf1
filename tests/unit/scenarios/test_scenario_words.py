"""Blind runs, durations, absences, deaths in the middle: what a run reports, and when."""

import io
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from lab.errors import LabError
from lab.query import wait_for
from lab.scenarios.observe.live_stats import FaultInterval
from lab.scenarios.observe.timeline import Event, Timeline
from lab.scenarios.run.context import Options
from lab.scenarios.run.runner import execute
from lab.scenarios.screen import Screen
from loadtest.scenarios.declaration import ANY, Absence, Effect, Fault, RandomFault, Scenario
from tests.support.labs.stoppable_lab import Stoppable
from tests.support.labs.stub_lab import ALERT, StubLab
from tests.support.servers.stub_server import serving


class Secret(Scenario):
    name = "secret"
    summary = "The model answers nonsense."
    faults = (Fault("model", "errors", at=0.1, duration=30, parameters={"status": 503}),)
    effects = (Effect("nonsense is seen", "effect", within=5, of="errors"),)
    expected_alerts = (ALERT,)
    forbidden_alerts = (ANY,)
    page_within = 3
    resolve_within = 3
    duration = 0.5
    quick_duration = 0.5
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")


class Quiet(Secret):
    """The same, which pages no one: quicker."""

    expected_alerts = ()
    forbidden_alerts = ()


class GameDay(Scenario):
    name = "game-day"
    summary = "Two or three of five things break."
    hidden = True
    fault_pool = tuple(
        RandomFault(
            Fault("model", name, at=(1, 9), duration=40),
            (Effect(f"{name} is seen", name, within=30, of=name),),
            allowed_alerts=(name,),
        )
        for name in ("errors", "hang", "cut", "empty", "long")
    )


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[StubLab]:
    with serving() as server:
        yield StubLab(server, tmp_path)


def run(lab: StubLab, scenario: type[Scenario], **options: Any) -> tuple[int, str, dict[str, Any]]:
    out = io.StringIO()
    report = lab.settings.home / "report.json"
    code = execute(scenario, Options(report=report, **options), lab.settings, Console(file=out, width=150))
    return code, out.getvalue(), json.loads(report.read_text())


def test_a_blind_run_reports_nothing_before_its_end(lab: StubLab) -> None:
    code, text, report = run(lab, Secret, quick=True, blind=True)
    assert code == 0
    (order,) = lab.server.asked_for("POST", "/admin/faults")
    assert json.loads(order["body"])["hidden"] is True
    while_it_ran, revealed = text.split("Revealed: ")
    assert "fault on       hidden" in while_it_ran
    assert "effect         hidden" in while_it_ran
    assert not any(word in while_it_ran for word in ("errors", "nonsense", "503"))
    assert revealed.startswith("The model answers nonsense.")
    assert "model: errors (intensity 1, status 503)" in revealed
    assert report["blind"] is True
    assert "model: errors" in str(report["timeline"])


def test_an_open_run_is_not_sent_hidden(lab: StubLab) -> None:
    _, text, report = run(lab, Quiet, quick=True)
    (order,) = lab.server.asked_for("POST", "/admin/faults")
    assert "hidden" not in json.loads(order["body"])
    assert report["blind"] is False
    assert "Revealed" not in text


def test_a_game_day_draws_by_the_seed_and_declares_what_it_drew() -> None:
    plan = GameDay.plan(4)
    assert plan == GameDay.plan(4)
    drawn = {tuple(fault.label for fault in GameDay.plan(seed).faults) for seed in range(20)}
    assert len(drawn) > 8
    assert {len(one) for one in drawn} == {2, 3}
    assert [effect.of for effect in plan.expected.effects] == [fault.label for fault in plan.faults]
    assert plan.expected.allowed_alerts == tuple(fault.label for fault in plan.faults)
    for before, after in zip(plan.faults, plan.faults[1:], strict=False):
        assert after.at > before.at + 20


def test_a_duration_cuts_a_fault_that_is_longer(lab: StubLab) -> None:
    code, _, report = run(lab, Quiet, duration=2)
    times = {one["event"]: one["seconds"] for one in report["timeline"]}
    assert times["fault off"] == pytest.approx(2, abs=1)
    assert (code, report["duration"]) == (0, 2)


def test_a_duration_that_is_too_short_is_wrong_input(lab: StubLab) -> None:
    class Late(Quiet):
        faults: ClassVar = (Fault("model", "errors", at=20, duration=30),)

    with pytest.raises(LabError, match="10 s are too short for `secret`: errors comes at second 20") as caught:
        run(lab, Late, duration=10)
    assert caught.value.exit_code == 2
    assert not lab.server.asked


def test_what_must_stay_absent_and_comes_fails(lab: StubLab) -> None:
    class Spilling(Quiet):
        absences: ClassVar = (Absence("no one loses a booking", "never"), Absence("no line is lost", "effect"))

    code, text, report = run(lab, Spilling, quick=True)
    assert code == 1
    assert [row["what"] for row in report["expected"] if not row["ok"]] == ["no line is lost"]
    assert "unwanted       no line is lost" in text


def test_what_held_before_the_fault_proves_nothing(lab: StubLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.scenarios.run.preflight._LEFTOVER_SECONDS", 0.1)

    class Stale(Quiet):
        effects: ClassVar = (
            Effect("held before", "sum(old)", within=1),
            Effect("goes on", "sum(old)", within=5, always=True),
        )

    code, _, report = run(lab, Stale, quick=True)
    checks = {row["what"]: row for row in report["expected"]}
    assert (code, checks["held before"]["ok"], checks["goes on"]["ok"]) == (1, False, True)
    assert checks["held before"]["observed"] == "already true before the fault (not counted)"


def test_a_service_that_dies_in_the_middle_ends_the_run(lab: StubLab) -> None:
    old = lab.server.answers["GET", "/metrics"]
    assert callable(old)
    began = time.time()

    def metrics(request: dict[str, Any]) -> tuple[int, Any]:
        status, body = old(request)
        started = 5.0 if lab.since_on() < 0.3 else 99.0
        return status, body + f"\nprocess_start_time_seconds {started}\n".encode()

    lab.server.react("GET", "/metrics", metrics)
    lab.pages = False
    code, text, report = run(lab, Secret)
    assert (code, report["outcome"]) == (1, "aborted")
    assert "model restarted" in report["reason"]
    assert report["reason"] in text
    assert lab.deleted == 1
    assert time.time() - began < 20


def test_an_error_of_our_own_leaves_nothing_on_and_a_report(lab: StubLab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        if lab.is_on():
            raise ZeroDivisionError("oh")

    monkeypatch.setattr("lab.scenarios.observe.observer.Observer.update_stats", broken)
    with pytest.raises(ZeroDivisionError):
        run(lab, Secret)
    assert not lab.is_on()
    report = json.loads((lab.settings.home / "report.json").read_text())
    assert report["reason"] == "the run failed: ZeroDivisionError: oh"


class Away(Quiet):
    faults: ClassVar = (Fault("engine", "stop", target="loki", at=0.1, duration=30),)
    effects: ClassVar = (Effect("it is seen", "effect", within=30, of="stop-loki"),)
    expected_alerts = ()
    forbidden_alerts = ()


@pytest.fixture(scope="module")
def loki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stoppable]:
    small = Stoppable(tmp_path_factory.mktemp("away"))
    small.start()
    yield small
    small.end()


@pytest.fixture
def with_loki(lab: StubLab, loki: Stoppable) -> StubLab:
    """A stand-in lab whose Loki is a real process that the engine can stop."""
    values = {**loki.settings.values, **lab.settings.values, "LOKI_PORT": loki.settings.values["LOKI_PORT"]}
    loki.settings = type(loki.settings)(loki.settings.root, loki.settings.home, values)
    secret = loki.settings.volume("secrets") / "admin_token"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("secret\n")
    loki.restore()
    assert wait_for(loki.answers, 10)
    lab.settings = loki.settings
    return lab


def test_a_stopped_server_is_back_at_the_end_of_its_fault(with_loki: StubLab, loki: Stoppable) -> None:
    class Brief(Away):
        faults: ClassVar = (Fault("engine", "stop", target="loki", at=0.1, duration=2),)
        effects: ClassVar = (Effect("away", 'up{job="loki"}', within=9, always=True),)

    seen = []
    threading.Thread(target=lambda: seen.append(wait_for(lambda: not loki.answers(), 10, every=0.05))).start()
    code, text, report = run(with_loki, Brief)
    assert code == 0
    assert seen == [True]
    assert loki.answers()
    times = {one["event"]: one["seconds"] for one in report["timeline"]}
    assert times["fault off"] - times["fault on"] >= 2
    assert "loki is stopped, for at most 2 s" in text
    assert "loki is back (its time is over)" in text
    assert report["faults"][0]["fault"] == "stop-loki"


@pytest.mark.parametrize("when", [0.0, 0.3, 1.0])
def test_ctrl_c_at_any_second_brings_the_server_back(
    with_loki: StubLab, loki: Stoppable, when: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        wait_for((loki.settings.home / "stopped" / "loki.json").exists, 10, every=0.01)
        time.sleep(when)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    code, _, report = run(with_loki, Away)
    assert (code, report["outcome"]) == (130, "stopped")
    assert loki.answers()
    assert not list((loki.settings.home / "stopped").glob("*.json"))


def test_a_needed_server_that_cannot_be_here_is_reported_with_what_it_means(
    with_loki: StubLab, loki: Stoppable
) -> None:
    class NoDatabase(Away):
        needs = (*Away.needs, "postgres", "tempo")

    with pytest.raises(LabError, match=r"has no tempo \(.*\); postgres \(there is no database of its own to break\)"):
        run(with_loki, NoDatabase)


def test_the_screen_shows_faults_and_alerts_each_with_its_second() -> None:
    timeline = Timeline(time.time() - 60)
    start = timeline.started_at
    out = io.StringIO()
    screen = Screen(Console(file=out, width=120, force_terminal=True, color_system=None), "title", timeline)
    screen.stats.faults = [FaultInterval("errors", start + 4.2, start + 104)]
    for at, kind in ((10, "pending"), (20, "firing"), (25.5, "notified")):
        timeline.add(Event(start + at, kind, "x", "A"))  # type: ignore[arg-type]
    for second in range(100):
        timeline.add(Event(start + second, "trouble", f"line {second}"))
    Console(file=out, width=120, height=30).print(screen.draw())
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "errors since 4.2 s until 104 s at most" in lines
    assert "A 10.0 s 20.0 s - 25.5 s - -" in lines
    assert any("line 99" in line for line in lines)
    assert len(lines) <= 30
