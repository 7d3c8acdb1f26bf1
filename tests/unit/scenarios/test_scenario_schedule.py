"""Which scenario of a drill may begin: never one whose alerts could be taken for what is still there."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.query import Endpoints, Lab, RuleAlert
from lab.scenarios.drill.groups import Member, conflicts_with_earlier
from lab.scenarios.drill.scheduler import Scheduler
from lab.scenarios.observe.alert_observer import Baseline
from lab.settings import State
from loadtest.scenarios.declaration import Effect, Scenario
from loadtest.scenarios.preconditions import Precondition
from tests.support.labs.stub_lab import ALERT, StubLab
from tests.support.servers.stub_server import serving

QUIET = Baseline(frozenset(), ())
INHIBITIONS = """
route: {receiver: x}
inhibit_rules:
  - {source_matchers: ['role="cause"'], target_matchers: ['role="symptom"'], equal: [service]}
  - {source_matchers: ['alertname="Worse"'], target_matchers: ['alertname="ErrorRateCritical"'], equal: [service]}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[StubLab]:
    with serving() as server:
        made = StubLab(server, tmp_path)
        server.answer("GET", "/api/v2/status", {"config": {"original": INHIBITIONS}})
        yield made


def schedule(lab: StubLab, active: frozenset[str] = frozenset()) -> Scheduler:
    return Scheduler(Lab(Endpoints.of(lab.settings)), lab.settings, active)


def member(**declared: Any) -> Member:
    scenario: type[Scenario] = type("One", (Scenario,), {"name": "one", "summary": "x.", **declared})
    return Member(scenario, scenario.plan(1))


def vector(value: float) -> dict[str, Any]:
    return {"data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, str(value)]}]}}


def firing(name: str, **labels: str) -> Baseline:
    return Baseline(frozenset(), (RuleAlert(name, "firing", {"alertname": name, **labels}, {}, 1.0),))


def test_nothing_hinders_in_a_quiet_lab(lab: StubLab) -> None:
    one = member(expected_alerts=(ALERT,), effects=(Effect("seen", "effect", within=5),))
    assert schedule(lab).blocked_by(one, QUIET, frozenset()) is None


def test_the_end_of_an_alert_that_it_may_set_off_is_awaited_first(lab: StubLab) -> None:
    one, awaited = member(allowed_alerts=("Shared",)), frozenset({"Shared"})
    found = schedule(lab).blocked_by(one, QUIET, awaited)
    assert found is not None
    assert (found.text, found.transient, found.soft) == ("Shared must end first", False, False)
    assert schedule(lab).blocked_by(member(allowed_alerts=("Else",)), QUIET, awaited) is None


@pytest.mark.parametrize(
    "declared", [{"expected_alerts": ("A",)}, {"expected_without_resolve": ("A",)}, {"inhibited_alerts": ("A",)}]
)
def test_an_active_expected_alert_defers_the_scenario(lab: StubLab, declared: dict[str, Any]) -> None:
    active = Baseline(frozenset(), (), open=frozenset({("A", "assistant")}))
    found = schedule(lab).blocked_by(member(**declared), active, frozenset())
    assert found is not None
    assert found.text == "A is still active"
    # The same of a server that it has nothing to do with is another alert.
    foreign = Baseline(frozenset(), (), open=frozenset({("A", "grafana")}))
    assert schedule(lab).blocked_by(member(**declared), foreign, frozenset()) is None
    # No one waits for what stood before the drill: the scenario refuses in its own words.
    assert schedule(lab, frozenset({"A"})).blocked_by(member(**declared), firing("A"), frozenset()) is None


def test_an_allowed_alert_may_be_active(lab: StubLab) -> None:
    assert schedule(lab).blocked_by(member(allowed_alerts=("A",)), firing("A"), frozenset()) is None


def test_what_would_hold_its_alerts_back_must_end_first(lab: StubLab) -> None:
    one = member(expected_alerts=(ALERT,))
    rule = {"name": ALERT, "type": "alerting", "duration": 1, "labels": {"role": "symptom", "service": "{{ $x }}"}}
    lab.server.answer("GET", "/api/v1/rules", {"data": {"groups": [{"rules": [rule]}]}})
    for before in (firing("Cause", role="cause", service="assistant"), firing("Worse", service="assistant")):
        found = schedule(lab).blocked_by(one, before, frozenset())
        assert found is not None
        assert found.text.endswith("would inhibit its alerts")
    assert schedule(lab).blocked_by(one, firing("Harmless", role="symptom", service="assistant"), frozenset()) is None
    other = {**rule, "labels": {"role": "symptom", "service": "pager"}}
    lab.server.answer("GET", "/api/v1/rules", {"data": {"groups": [{"rules": [other]}]}})
    cause = firing("Cause", role="cause", service="assistant")
    assert schedule(lab).blocked_by(one, cause, frozenset()) is None


def test_a_young_lab_and_what_is_left_in_the_figures_pass(lab: StubLab) -> None:
    found = schedule(lab).blocked_by(member(min_uptime_seconds=600), QUIET, frozenset())
    assert found is not None
    assert found.transient
    State("native", time.time() - 700, {}, {}).write(lab.settings)
    assert schedule(lab).blocked_by(member(min_uptime_seconds=600), QUIET, frozenset()) is None
    left = schedule(lab).blocked_by(member(effects=(Effect("old", "sum(old)", within=5),)), QUIET, frozenset())
    assert left is not None
    assert left.soft


def test_what_it_waits_to_be_rid_of_hinders_for_as_long_as_the_figures_remember_it(lab: StubLab) -> None:
    one = member(preconditions=(Precondition("the quiet", "none"), Precondition("the noise of before", "noise")))

    def received(noise: float) -> None:
        answers = {"none": 0.0, "noise": noise}
        lab.server.react("GET", "/api/v1/query", lambda request: (200, vector(answers[request["params"]["query"]])))

    received(7)
    found = schedule(lab).blocked_by(one, QUIET, frozenset())
    assert found is not None
    assert (found.text, found.soft) == ("the noise of before is still in the figures", True)
    assert schedule(lab).blocked_by(member(), QUIET, frozenset()) is None
    received(0)
    assert schedule(lab).blocked_by(one, QUIET, frozenset()) is None


def test_a_query_that_cannot_be_asked_hinders_no_one(lab: StubLab) -> None:
    """The scenario itself says what is wrong with it."""
    lab.server.answer("GET", "/api/v1/query", {"error": "parse error"}, status=400)
    one = member(preconditions=(Precondition("noise", "(("),), effects=(Effect("seen", "((", within=5),))
    assert schedule(lab).blocked_by(one, QUIET, frozenset()) is None


def test_what_lasts_is_proven_before_anybody_else_may_set_it_off() -> None:
    slow, other, harmless = (
        member(expected_without_resolve=("Slow",)),
        member(allowed_alerts=("Slow",)),
        member(allowed_alerts=("Else",)),
    )
    assert conflicts_with_earlier([harmless, other], [[slow]])
    assert not conflicts_with_earlier([harmless], [[slow]])
    assert not conflicts_with_earlier([other], [])
