"""Which scenario of a drill may begin: never one whose alerts could be taken for what is still there."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.query import Endpoints, Lab, RuleAlert
from lab.scenarios.alerts import Before
from lab.scenarios.groups import Member, would_spoil
from lab.scenarios.schedule import Schedule
from lab.settings import State
from loadtest.calm import Calm
from loadtest.scenario import Effect, Scenario
from tests.support.stand_in import serving
from tests.support.whole_lab import ALERT, WholeLab

QUIET = Before(frozenset(), ())
INHIBITIONS = """
route: {receiver: x}
inhibit_rules:
  - {source_matchers: ['role="cause"'], target_matchers: ['role="symptom"'], equal: [service]}
  - {source_matchers: ['alertname="Worse"'], target_matchers: ['alertname="ErrorRateCritical"'], equal: [service]}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[WholeLab]:
    with serving() as server:
        made = WholeLab(server, tmp_path)
        server.answer("GET", "/api/v2/status", {"config": {"original": INHIBITIONS}})
        yield made


def schedule(lab: WholeLab, standing: frozenset[str] = frozenset()) -> Schedule:
    return Schedule(Lab(Endpoints.of(lab.settings)), lab.settings, standing)


def member(**declared: Any) -> Member:
    scenario: type[Scenario] = type("One", (Scenario,), {"name": "one", "story": "x.", **declared})
    return Member(scenario, scenario.plan(1))


def vector(value: float) -> dict[str, Any]:
    return {"data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, str(value)]}]}}


def firing(name: str, **labels: str) -> Before:
    return Before(frozenset(), (RuleAlert(name, "firing", {"alertname": name, **labels}, {}, 1.0),))


def test_nothing_hinders_in_a_quiet_lab(lab: WholeLab) -> None:
    one = member(must=(ALERT,), effects=(Effect("seen", "effect", within=5),))
    assert schedule(lab).hindrance(one, QUIET, frozenset()) is None


def test_the_end_of_an_alert_that_it_may_set_off_is_awaited_first(lab: WholeLab) -> None:
    one, awaited = member(may=("Shared",)), frozenset({"Shared"})
    found = schedule(lab).hindrance(one, QUIET, awaited)
    assert found is not None
    assert (found.why, found.passes, found.slight) == ("Shared must end first", False, False)
    assert schedule(lab).hindrance(member(may=("Else",)), QUIET, awaited) is None


@pytest.mark.parametrize("declared", [{"must": ("A",)}, {"lasting": ("A",)}, {"held_back": ("A",)}])
def test_what_it_is_to_prove_must_not_stand(lab: WholeLab, declared: dict[str, Any]) -> None:
    standing = Before(frozenset(), (), open=frozenset({("A", "assistant")}))
    found = schedule(lab).hindrance(member(**declared), standing, frozenset())
    assert found is not None
    assert found.why == "A still stands"
    # The same of a server that it has nothing to do with is another alert.
    foreign = Before(frozenset(), (), open=frozenset({("A", "grafana")}))
    assert schedule(lab).hindrance(member(**declared), foreign, frozenset()) is None
    # Nobody waits for what stood before the drill: the scenario refuses in its own words.
    assert schedule(lab, frozenset({"A"})).hindrance(member(**declared), firing("A"), frozenset()) is None


def test_an_alert_that_may_come_may_stand(lab: WholeLab) -> None:
    assert schedule(lab).hindrance(member(may=("A",)), firing("A"), frozenset()) is None


def test_what_would_hold_its_alerts_back_must_end_first(lab: WholeLab) -> None:
    one = member(must=(ALERT,))
    rule = {"name": ALERT, "type": "alerting", "duration": 1, "labels": {"role": "symptom", "service": "{{ $x }}"}}
    lab.server.answer("GET", "/api/v1/rules", {"data": {"groups": [{"rules": [rule]}]}})
    for before in (firing("Cause", role="cause", service="assistant"), firing("Worse", service="assistant")):
        found = schedule(lab).hindrance(one, before, frozenset())
        assert found is not None
        assert found.why.endswith("would hold back its alerts")
    assert schedule(lab).hindrance(one, firing("Harmless", role="symptom", service="assistant"), frozenset()) is None
    other = {**rule, "labels": {"role": "symptom", "service": "pager"}}
    lab.server.answer("GET", "/api/v1/rules", {"data": {"groups": [{"rules": [other]}]}})
    cause = firing("Cause", role="cause", service="assistant")
    assert schedule(lab).hindrance(one, cause, frozenset()) is None


def test_a_young_lab_and_what_is_left_in_the_figures_pass(lab: WholeLab) -> None:
    found = schedule(lab).hindrance(member(lab_age=600), QUIET, frozenset())
    assert found is not None
    assert found.passes
    State("native", time.time() - 700, {}, {}).write(lab.settings)
    assert schedule(lab).hindrance(member(lab_age=600), QUIET, frozenset()) is None
    left = schedule(lab).hindrance(member(effects=(Effect("old", "sum(old)", within=5),)), QUIET, frozenset())
    assert left is not None
    assert left.slight


def test_what_it_waits_to_be_rid_of_hinders_for_as_long_as_the_figures_remember_it(lab: WholeLab) -> None:
    one = member(calm=(Calm("the quiet", "none"), Calm("the noise of before", "noise")))

    def heard(noise: float) -> None:
        answers = {"none": 0.0, "noise": noise}
        lab.server.react("GET", "/api/v1/query", lambda request: (200, vector(answers[request["params"]["query"]])))

    heard(7)
    found = schedule(lab).hindrance(one, QUIET, frozenset())
    assert found is not None
    assert (found.why, found.slight) == ("the noise of before is still in the figures", True)
    assert schedule(lab).hindrance(member(), QUIET, frozenset()) is None
    heard(0)
    assert schedule(lab).hindrance(one, QUIET, frozenset()) is None


def test_a_query_that_cannot_be_asked_hinders_nobody(lab: WholeLab) -> None:
    """The scenario itself says what is wrong with it."""
    lab.server.answer("GET", "/api/v1/query", {"error": "parse error"}, status=400)
    one = member(calm=(Calm("noise", "(("),), effects=(Effect("seen", "((", within=5),))
    assert schedule(lab).hindrance(one, QUIET, frozenset()) is None


def test_what_lasts_is_proven_before_anybody_else_may_set_it_off() -> None:
    slow, other, harmless = member(lasting=("Slow",)), member(may=("Slow",)), member(may=("Else",))
    assert would_spoil([harmless, other], [[slow]])
    assert not would_spoil([harmless], [[slow]])
    assert not would_spoil([other], [])
