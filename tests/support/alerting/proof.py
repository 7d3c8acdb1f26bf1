"""What an alert needs: tests both ways, a runbook, a route, a scenario, a row in the docs."""

import re
from dataclasses import dataclass
from typing import Any

from lab.settings import ROOT
from loadtest.scenarios import registry
from tests.integration.alerting import test_log_alerts
from tests.support.alerting.rules import RUNBOOKS, log_alerts, rule_tests

# What the tests of an alert that can be quiet must show not to fire it; found in the names of promtool's cases.
QUIET_CASES = ("idle", "start", "reset", "gap", "threshold", "blip")
# Cases that a Loki shows for all its alerts at once: an idle one, one that restarts; it has no counters to reset.
LOG_QUIET_CASES = ("threshold", "blip")
# Quiet is what it must never be.
NEVER_QUIET = ("Watchdog",)


@dataclass(frozen=True)
class Proof:
    """Everything that the repository has to show for its alerts."""

    # Each test case's name and what it checks: (alert, whether it fires).
    cases: tuple[tuple[str, frozenset[tuple[str, bool]]], ...]
    of_logs: frozenset[str]
    runbooks: frozenset[str]
    routes: frozenset[str]
    scenarios: frozenset[str]
    table: frozenset[str]

    def lacks(self, alert: str) -> list[str]:
        """Return what an alert still needs before it can land."""
        needed = {
            "test that fires it": any((alert, True) in checked for _, checked in self.cases),
            **{
                f"test that must not fire it: {word}": any(
                    word in name and (alert, False) in checked for name, checked in self.cases
                )
                for word in (LOG_QUIET_CASES if alert in self.of_logs else QUIET_CASES)
                if alert not in NEVER_QUIET
            },
            "runbook": alert in self.runbooks,
            "route": alert in self.routes,
            "scenario": alert in self.scenarios,
            "row in docs/alerts.md": alert in self.table,
        }
        return [part for part, there in needed.items() if not there]


def proof(routes: set[str]) -> Proof:
    """Collect what there is; `routes` names the alerts whose route is tested."""
    return Proof(
        cases=(*_promtool_cases(), *_log_cases()),
        of_logs=frozenset(alert.name for alert in log_alerts()),
        runbooks=frozenset(page.stem for page in RUNBOOKS.glob("*.md")),
        routes=frozenset(routes),
        scenarios=frozenset(_expected()),
        table=frozenset(_table()),
    )


def _promtool_cases() -> list[tuple[str, frozenset[tuple[str, bool]]]]:
    return [(case["name"], frozenset(_checked(case))) for case in rule_tests()]


def _checked(case: dict[str, Any]) -> list[tuple[str, bool]]:
    checked = [(check["alertname"], bool(check["exp_alerts"])) for check in case.get("alert_rule_test", [])]
    for check in case.get("promql_expr_test", []):
        if found := re.match(r'ALERTS\{alertname="(\w+)", alertstate="firing"', check["expr"]):
            checked.append((found[1], bool(check["exp_samples"])))
            # Next to the one that fires are series that must not.
            if check["exp_samples"]:
                checked.append((found[1], False))
    return checked


def _log_cases() -> list[tuple[str, frozenset[tuple[str, bool]]]]:
    tests = ((test_log_alerts.test_fires, True), (test_log_alerts.test_stays_quiet, False))
    return [
        (service, frozenset({(alert, fires)}))
        for test, fires in tests
        for mark in getattr(test, "pytestmark", [])
        for alert, service in mark.args[1]
    ]


def _expected() -> set[str]:
    """Return the alerts that a scenario expects: notified (with or without its end) or inhibited."""
    found, broken = registry.find()
    assert not broken
    return {
        alert
        for one in found.values()
        for alert in (*one.expected_alerts, *one.expected_without_resolve, *one.inhibited_alerts)
    }


def _table() -> list[str]:
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    return re.findall(r"^\| (\w+) \| (?:page|ticket|none)\b", text, flags=re.MULTILINE)
