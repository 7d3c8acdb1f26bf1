"""What the scenarios declare is what there is: faults, users, servers, metrics, alerts; and none is missing."""

import ast
import itertools
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.settings import ROOT
from loadtest.scenarios import registry
from loadtest.scenarios.declaration import ENGINE, LONGEST_FAULT, Effect, Fault, Scenario, problem
from loadtest.stats import metric_names
from loadtest.users.token_guesses import attempts
from services.assistant.faults import kinds
from services.assistant.metrics import ROUTES
from services.model import faults as model_faults
from services.telemetry import names
from tests.support.alerting.rules import alerts, log_alerts
from tests.support.labs.programs import program

# Each alert of the lab, whether its rule is there already or not, and the scenario that sets it off; None for those
# whose signals are not there yet, with what they wait for.
ALERTS: dict[str, tuple[str | None, str]] = {
    "ServiceDown": ("service-down", ""),
    "DatabaseDown": ("database-down", ""),
    "ProviderThrottled": ("throttling", ""),
    "ErrorRateCritical": ("provider-outage", ""),
    "ErrorRateHigh": ("flaky-provider", ""),
    "ErrorBudgetFastBurn": ("provider-outage", ""),
    "ErrorBudgetSlowBurn": ("slow-burn", ""),
    "SlowResponses": ("slow-model", ""),
    "SafetyViolation": (None, "unsafe-answers: nothing reports an unsafe answer yet"),
    "MemoryHigh": ("memory-leak", ""),
    "TrafficSpike": ("spike", ""),
    "TokenBudgetExceeded": (None, "token-burn: there is no budget of tokens yet"),
    "FeedbackLow": (None, "bad-answers: nothing reports how good an answer is yet"),
    "DataDrift": (None, "drift: the features are not watched yet"),
    "AccuracyDrop": (None, "changed-outcomes: outcomes are not fed back yet"),
    "ConversionDrop": ("broken-booking", ""),
    "AuthFailures": ("intruder", ""),
    "NewErrorKind": ("bad-release", ""),
    "SyntheticJourneyFailing": ("broken-booking", ""),
    "TelemetryLoss": ("pipeline-stall", ""),
    "RuleFailure": ("broken-rule", ""),
    "ScrapeSlow": ("slow-scrapes", ""),
    "DiskFilling": ("disk-filling", ""),
    "Watchdog": ("blind", ""),
}
# Scenarios that are for people, not for an alert.
OTHERS = {"steady", "black-friday", "game-day", "hanging-provider"}

SCENARIOS = registry.find()[0]
FAULTS = {
    "assistant": {fault.name: fault for fault in kinds.ALL},
    "model": {fault.name: fault for fault in model_faults.ALL},
}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
# Of programs that are not ours.
FOREIGN_METRICS = {
    "up",
    "otelcol_exporter_queue_size",
    "prometheus_rule_evaluation_failures_total",
    "scrape_duration_seconds",
}
OUR_METRICS = {value for value in (vars(names) | vars(metric_names)).values() if isinstance(value, str)}
WORDS_OF_PROMQL = {"by", "on", "bool", "unless", "without"}


def faults_of(scenario: type[Scenario]) -> list[Fault]:
    return [*scenario.faults, *(draw.fault for draw in scenario.fault_pool)]


def effects_of(scenario: type[Scenario]) -> list[Effect]:
    return [*scenario.effects, *itertools.chain.from_iterable(draw.effects for draw in scenario.fault_pool)]


def alerts_of(scenario: type[Scenario]) -> set[str]:
    drawn = itertools.chain.from_iterable(draw.allowed_alerts for draw in scenario.fault_pool)
    return {
        *proven(scenario),
        *scenario.allowed_alerts,
        *drawn,
        *(name for name in scenario.forbidden_alerts if name != "*"),
    }


def proven(scenario: type[Scenario]) -> set[str]:
    """The alerts that it must set off."""
    return {*scenario.expected_alerts, *scenario.expected_without_resolve, *scenario.inhibited_alerts}


def queries() -> list[str]:
    reported = [
        effect.query for one in SCENARIOS.values() for effect in effects_of(one) if effect.source == "prometheus"
    ]
    reported += [steady.query for one in SCENARIOS.values() for steady in one.preconditions]
    return reported + [absence.query for one in SCENARIOS.values() for absence in one.absences]


every_scenario = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)


def test_every_alert_has_its_scenario_or_a_reason() -> None:
    for alert, (scenario, reason) in ALERTS.items():
        if scenario is None:
            assert reason, alert
            continue
        assert scenario in SCENARIOS, alert
        assert alert in proven(SCENARIOS[scenario]), f"{scenario} need not set off {alert}"
    assert set(SCENARIOS) == {scenario for scenario, _ in ALERTS.values() if scenario} | OTHERS
    assert {alert.name for alert in (*alerts(), *log_alerts())} <= set(ALERTS)


@every_scenario
def test_it_is_whole(scenario: type[Scenario]) -> None:
    assert problem(scenario) is None
    assert scenario.summary.endswith(".")
    assert effects_of(scenario)
    texts = [effect.text for effect in effects_of(scenario)]
    assert len(texts) == len(set(texts)), "an effect is known by its text"
    tree = ast.parse(Path(ROOT, scenario.__module__.replace(".", "/") + ".py").read_text())
    assert sum(isinstance(node, ast.ClassDef) for node in tree.body) == 1


@every_scenario
def test_its_faults_are_known_with_their_parameters_and_targets(scenario: type[Scenario]) -> None:
    for fault in faults_of(scenario):
        if fault.service == ENGINE:
            assert fault.target in COMPOSE
            assert fault.target in scenario.needs
            continue
        known = FAULTS[fault.service][fault.name]
        known.parameters.model_validate(dict(fault.parameters))
        assert fault.service in scenario.needs
        if fault.target != "*":
            dimension, _, value = fault.target.partition("=")
            assert dimension in known.dimensions
            assert dimension != "route" or value in ROUTES
    # At the latest when it is drawn last.
    latest = scenario.fault_interval_seconds * (scenario.max_faults - 1) if scenario.fault_pool else 0
    for fault in faults_of(scenario):
        assert latest + max(fault.at if isinstance(fault.at, tuple) else (fault.at,)) + fault.duration < LONGEST_FAULT


@every_scenario
def test_its_users_are_known_to_locust(scenario: type[Scenario]) -> None:
    reported = re.search(r"__all__ = (\[.*?\])", (ROOT / "loadtest" / "locustfile.py").read_text(), re.DOTALL)
    assert reported
    assert set(scenario.users) <= set(ast.literal_eval(reported[1]))


@every_scenario
def test_what_must_be_seen_is_asked_of_servers_that_it_needs(scenario: type[Scenario]) -> None:
    for effect in effects_of(scenario):
        assert effect.source in scenario.needs
        assert effect.source == "prometheus" or "collector" in scenario.needs
    assert not proven(scenario) or {"alertmanager", "pager"} <= set(scenario.needs)
    assert "loki" in scenario.needs or not proven(scenario) & {"AuthFailures", "NewErrorKind"}
    labels = {
        f"{fault.name}-{fault.target}" if fault.service == ENGINE else fault.name for fault in faults_of(scenario)
    }
    assert {effect.of for effect in effects_of(scenario)} <= labels | {""}
    if any("locust_" in effect.query or "lab_journey" in effect.query for effect in effects_of(scenario)):
        assert "loadtest" in scenario.needs


@every_scenario
def test_its_alerts_are_known_and_what_must_come_can(scenario: type[Scenario]) -> None:
    assert alerts_of(scenario) <= set(ALERTS)
    there = {alert.name for alert in (*alerts(), *log_alerts())}
    must = proven(scenario)
    assert must <= there
    assert set(scenario.within) <= must, "a time for an alert that need not come"
    pages = {alert.name for alert in alerts() if alert.labels.get("severity") == "page"}
    # A page that must come comes within a minute; ConversionDrop and its like are tickets.
    assert all(scenario.within.get(name, scenario.page_within) <= 60 for name in must & pages)
    assert "*" in scenario.forbidden_alerts, "an alert that no one thought of would go unnoticed"


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [
        {"record": f"effect:{number}", "expr": text} for number, text in enumerate(queries())
    ]
    file = tmp_path / "effects.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "effects", "rules": rules}]}))
    done = subprocess.run([program("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("query", queries())
def test_its_metrics_are_those_that_we_have(query: str) -> None:
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    used = set(re.findall(r"\b[a-z_]{2,}\b(?!\s*\()", bare)) - WORDS_OF_PROMQL
    assert used
    for metric in used - FOREIGN_METRICS:
        assert {metric, re.sub("_(bucket|count|sum)$", "", metric)} & OUR_METRICS, metric


@every_scenario
def test_the_same_seed_gives_the_same_plan_and_another_another(scenario: type[Scenario]) -> None:
    for quick in (False, True):
        assert scenario.plan(5, quick=quick) == scenario.plan(5, quick=quick)
    plans = [scenario.plan(seed) for seed in range(20)]
    drawn = {tuple((fault.label, fault.at) for fault in plan.faults) for plan in plans}
    assert len(drawn) > 5 or not faults_of(scenario)
    for plan in plans:
        assert all(fault.at >= 0 for fault in plan.faults)


def test_a_game_day_draws_two_or_three_and_every_one_at_some_time() -> None:
    game_day = SCENARIOS["game-day"]
    plans = [game_day.plan(seed) for seed in range(200)]
    assert {len(plan.faults) for plan in plans} == {2, 3}
    drawn = {fault.label for plan in plans for fault in plan.faults}
    assert drawn == {fault.name for fault in faults_of(game_day)}
    assert game_day.hidden
    for plan in plans:
        assert {effect.of for effect in plan.expected.effects} == {fault.label for fault in plan.faults}


def test_quick_runs_are_short() -> None:
    """All of them are to pass within twenty minutes."""
    for name, scenario in SCENARIOS.items():
        assert scenario.quick_duration <= 45, name
        assert scenario.plan(1, quick=True).duration <= scenario.duration
        stages = scenario.plan(1, quick=True).stages
        assert not stages or stages[-1].at <= 60, name


def test_an_intruder_tries_the_same_for_the_same_seed() -> None:
    def first(seed: int, name: str) -> list[object]:
        return list(itertools.islice(attempts(seed, name), 50))

    assert first(1, "intruder-0") == first(1, "intruder-0")
    assert first(1, "intruder-0") != first(2, "intruder-0")
    assert first(1, "intruder-0") != first(1, "intruder-1")
    assert {one.path for one in itertools.islice(attempts(1, "x"), 50)} == {"/admin/faults", "/admin/log-level"}
