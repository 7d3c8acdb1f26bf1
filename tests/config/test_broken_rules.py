"""The tests of the rules are tested: three breaks of each alert, and promtool's tests of it fail each time.

Finer ones are in tests/integration/alerting/test_rule_mutations.py, because there are many.
"""

from pathlib import Path

import pytest

from tests.support.alerting.broken_rules import fails
from tests.support.alerting.rules import alerts

# Those of the objectives have tests of their own: tests/config/test_slo_rules.py.
ALERTS = sorted(alert.name for alert in alerts() if not alert.name.startswith("ErrorBudget"))

# For every alert a threshold that is never passed, and one that always is.
NEVER = {
    "ConversionDrop": ("< 0.5 *", "< -1 *"),
    "DatabaseDown": ("ai_database_up < 1", "ai_database_up < 0"),
    "DiskFilling": ("< 0.10", "< 0"),
    "ErrorRateCritical": ("> 0.10", "> 1.10"),
    "ErrorRateHigh": ("> 0.05", "> 1.05"),
    "MemoryHigh": ("> 0.80", "> 8.0"),
    "ProviderThrottled": ("> 0.20", "> 1.20"),
    "RuleFailure": ("[90s])) > 0", "[90s])) > 1e9"),
    "ScrapeSlow": ("[1m]) > 2", "[1m]) > 5"),
    "ServiceDown": ("up < 1", "up < 0"),
    "SlowResponses": ("> 0.01", "> 1.01"),
    "SyntheticJourneyFailing": (">= 2,", ">= 2000,"),
    "TelemetryLoss": (") == 0", ") < 0"),
    "TrafficSpike": ("rate30s > 20", "rate30s > 2000"),
    "Watchdog": ("vector(1)", "vector(1) > 1"),
}
ALWAYS = {
    "ConversionDrop": ("< 0.5 *", "< 99 *"),
    "DatabaseDown": ("ai_database_up < 1", "ai_database_up <= 1"),
    "DiskFilling": ("< 0.10", "<= 1"),
    "ErrorRateCritical": ("> 0.10", ">= 0"),
    "ErrorRateHigh": ("> 0.05", ">= 0"),
    "MemoryHigh": ("> 0.80", ">= 0"),
    "ProviderThrottled": ("> 0.20", ">= 0"),
    "RuleFailure": ("[90s])) > 0", "[90s])) >= 0"),
    "ScrapeSlow": ("[1m]) > 2", "[1m]) >= 0"),
    "ServiceDown": ("up < 1", "up <= 1"),
    "SlowResponses": ("> 0.01", ">= 0"),
    "SyntheticJourneyFailing": (">= 2,", ">= 0,"),
    "TelemetryLoss": (") == 0", ") >= 0"),
    "TrafficSpike": ("rate30s > 20", "rate30s >= 0"),
    "Watchdog": None,  # that is what it is for
}


def test_an_alert_has_a_threshold_that_never_and_one_that_always_fires() -> None:
    assert sorted(NEVER) == sorted(ALWAYS) == ALERTS


@pytest.mark.parametrize("alert", ["ServiceDown", "ConversionDrop"])
def test_a_copy_in_which_nothing_is_broken_passes(tmp_path: Path, alert: str) -> None:
    assert not fails(tmp_path, alert, f"alert: {alert}", "severity", "severity")


@pytest.mark.parametrize("alert", NEVER)
def test_a_threshold_that_never_fires_is_noticed(tmp_path: Path, alert: str) -> None:
    assert fails(tmp_path, alert, f"alert: {alert}", *NEVER[alert])


@pytest.mark.parametrize("alert", [alert for alert, change in ALWAYS.items() if change])
def test_a_threshold_that_always_fires_is_noticed(tmp_path: Path, alert: str) -> None:
    change = ALWAYS[alert]
    assert change and fails(tmp_path, alert, f"alert: {alert}", *change)


@pytest.mark.parametrize("alert", ALERTS)
def test_a_wrong_label_is_noticed(tmp_path: Path, alert: str) -> None:
    # Each in its turn: promtool compares all labels at once.
    label = ("severity", "role", "service")[ALERTS.index(alert) % 3]
    assert fails(tmp_path, alert, f"alert: {alert}", f"{label}: ", f"{label}: not-")
