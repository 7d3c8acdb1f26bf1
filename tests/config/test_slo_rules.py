"""The rules of the three objectives: generated, stated once, and covered by promtool's tests."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.settings import ROOT
from prometheus.source.slo import render, specifications
from services.telemetry import names
from tests.support.alerting.rules import RULE_TESTS, RULES
from tests.support.labs.programs import program

FILES = {path.stem.removeprefix("slo-"): path for path in sorted(RULES.glob("slo-*.yml"))}
OBJECTIVES = {"chat-availability": 0.995, "chat-latency": 0.95, "bookings": 0.99}
WINDOWS = {"": ("25s", "2m30s", "5m", "10m", "30m"), "-long": ("2h", "6h", "60h")}
# Sloth's names, and the number of failures, by which the alerts ignore a quiet lab.
RECORDS = {
    *(f"slo:sli_error:ratio_rate{window}" for windows in WINDOWS.values() for window in windows),
    *(f"slo:sli_error:increase{window}" for window in ("5m", "30m", "2h", "6h")),
    "slo:objective:ratio",
    "slo:error_budget:ratio",
    "slo:current_burn_rate:ratio",
    "slo:period_error_budget_remaining:ratio",
    "sloth_slo_info",
}
# Alert: (times, long window, short window) of its two pairs.
PAIRS = {
    "ErrorBudgetFastBurn": [("14.4", "5m", "25s"), ("6", "30m", "2m30s")],
    "ErrorBudgetSlowBurn": [("3", "2h", "10m"), ("1", "6h", "30m")],
}
# Files of promtool's tests.
AVAILABILITY, QUIET, SLOW, BUDGET = "slo_chat_availability", "slo_quiet", "slo_slow_burn", "slo_budget"
LATENCY, BOOKINGS = "slo_chat_latency", "slo_bookings"


@pytest.mark.parametrize("slo", specifications(), ids=lambda slo: slo["name"])
def test_a_rule_file_is_what_its_specification_gives(slo: dict[str, Any]) -> None:
    """`python -m prometheus.source` writes them."""
    assert FILES[slo["name"]].read_text(encoding="utf-8") == render(slo)


def test_each_rule_file_has_a_specification() -> None:
    assert sorted(FILES) == sorted(slo["name"] for slo in specifications())


def groups(slo: str) -> dict[str, dict[str, Any]]:
    """The rule groups of an objective, by name."""
    return {group["name"]: group for group in yaml.safe_load(FILES[slo].read_text())["groups"]}


def rules(slo: str) -> list[dict[str, Any]]:
    return [rule for group in groups(slo).values() for rule in group["rules"]]


def rule(slo: str, name: str) -> dict[str, Any]:
    [found] = [rule for rule in rules(slo) if name in (rule.get("record"), rule.get("alert"))]
    return found


def test_there_is_a_file_for_each_objective() -> None:
    assert set(FILES) == set(OBJECTIVES)


@pytest.mark.parametrize("slo", OBJECTIVES)
class TestEveryObjective:
    def test_has_sloths_rules(self, slo: str) -> None:
        assert sorted(rule.get("record") or rule["alert"] for rule in rules(slo)) == sorted({*RECORDS, *PAIRS})

    def test_labels_every_series_with_objective_and_service(self, slo: str) -> None:
        for group in groups(slo).values():
            assert group["labels"] == {"slo": slo, "service": "assistant"}
        for alert in PAIRS:
            labels = rule(slo, alert)["labels"]
            assert (labels["slo"], labels["service"], labels["role"]) == (slo, "assistant", "symptom")

    def test_states_its_objective_once(self, slo: str) -> None:
        """In one rule; no other number, and no text, repeats it or its budget."""
        objective = OBJECTIVES[slo]
        assert rule(slo, "slo:objective:ratio")["expr"] == f"vector({objective:g})"
        rest = FILES[slo].read_text().replace(f"vector({objective:g})", "")
        for value in (objective, 100 * objective, 1 - objective):
            assert not re.search(rf"(?<![\d.\w]){value:g}(?![\d.])", rest), f"{value:g} is there again"

    def test_every_window_counts_the_same_series(self, slo: str) -> None:
        counted = {
            window: rule(slo, f"slo:sli_error:ratio_rate{window}")["expr"]
            for windows in WINDOWS.values()
            for window in windows
        }
        for window, expr in counted.items():
            assert set(re.findall(r"\[(\w+)\]", expr)) == {window}
        assert len({expr.replace(f"[{window}]", "[]") for window, expr in counted.items()}) == 1
        assert all(expr.strip().endswith("or vector(0)") for expr in counted.values())

    def test_long_windows_are_read_once_a_minute(self, slo: str) -> None:
        listed = groups(slo)
        assert set(listed) == {f"slo-{slo}", f"slo-{slo}-long"}
        assert [listed[name].get("interval") for name in (f"slo-{slo}", f"slo-{slo}-long")] == [None, "1m"]
        for suffix, windows in WINDOWS.items():
            read = set(re.findall(r"\[(\w+)\]", str([r["expr"] for r in listed[f"slo-{slo}{suffix}"]["rules"]])))
            # An hour of evaluations is counted in 30 min of them.
            assert read <= {*windows, "30m"}

    def test_burns_are_reported_on_two_windows_each(self, slo: str) -> None:
        for alert, pairs in PAIRS.items():
            text = rule(slo, alert)["expr"]
            found = re.findall(
                r"ratio_rate(\w+)\{[^}]*\} / slo:error_budget:ratio > ([\d.]+)\s+"
                r"and slo:sli_error:ratio_rate(\w+) / slo:error_budget:ratio > ([\d.]+)\s+"
                r"and slo:sli_error:increase(\w+) >= 10",
                text,
            )
            assert found == [(long, times, short, times, long) for times, long, short in pairs]
            for times, long, _ in pairs:
                spoken = re.sub(r"(\d)([a-z])", r"\1 \2", long).replace(" m", " min")
                assert f"{times} over {spoken}" in " ".join(rule(slo, alert)["annotations"]["summary"].split())

    def test_alerts_equal_those_of_the_other_objectives(self, slo: str) -> None:
        """Promtool tests the alerts of one objective in full."""
        for alert in PAIRS:
            ours, theirs = rule(slo, alert), rule("chat-availability", alert)
            assert ours["expr"].replace(slo, "X") == theirs["expr"].replace("chat-availability", "X")
            assert ours["for"] == theirs["for"]
            assert ours["labels"]["severity"] == theirs["labels"]["severity"]

    def test_metrics_are_those_of_the_assistant(self, slo: str) -> None:
        known = {value for value in vars(names).values() if isinstance(value, str)}
        known |= {names.AI_RESPONSE_TIME + suffix for suffix in ("_count", "_bucket")}
        used = set(re.findall(r"\bai_\w+", FILES[slo].read_text()))
        assert used
        assert used <= known


def test_retention_reaches_back_to_the_end_of_the_longest_window() -> None:
    [hours] = re.findall(r"^PROMETHEUS_RETENTION=(\d+)h$", (ROOT / ".env").read_text(), re.MULTILINE)
    assert int(hours) > 60


# Objective, text, its replacement, file of promtool's tests, case that must fail.
BROKEN = [
    # Pages that never fire, always fire, or fire at another threshold.
    ("chat-availability", "> 14.4", "> 1440", AVAILABILITY, "a lab five minutes old"),
    ("chat-availability", "> 14.4", "> 0", QUIET, "fails for 15 s"),
    ("chat-availability", "> 14.4", ">= 14.3", AVAILABILITY, "exactly at the threshold of the first pair"),
    ("chat-availability", "25s / slo:error_budget:ratio > 14.4", "25s > 0", AVAILABILITY, "a lab five minutes old"),
    ("chat-availability", "> 6", "> 600", AVAILABILITY, "the second pair - one"),
    ("chat-availability", "> 6", ">= 5.9", AVAILABILITY, "exactly at the threshold of the second pair"),
    ("chat-availability", "2m30s / slo:error_budget:ratio > 6", "2m30s > 0", AVAILABILITY, "the second pair - one"),
    ("chat-availability", "increase5m >= 10", "increase5m >= 1", QUIET, "first error"),
    ("chat-availability", "increase30m >= 10", "increase30m >= 1", QUIET, "first error"),
    ("chat-availability", ">= 10\n", "> 10\n", QUIET, "ten of ten"),
    ("chat-availability", ">= 24", ">= 1", QUIET, "from the first second"),
    ("chat-availability", ">= 96", ">= 1", AVAILABILITY, "just above the threshold of the second pair"),
    ("chat-availability", "for: 5s", "for: 0s", QUIET, "for one evaluation only"),
    ("chat-availability", "for: 5s", "for: 1m", AVAILABILITY, "a lab five minutes old"),
    ("chat-availability", "severity: page", "severity: ticket", AVAILABILITY, "a lab five minutes old"),
    # The same for the ticket.
    ("chat-availability", "> 3\n", "> 300\n", SLOW, "2 h and 10 min - 2"),
    ("chat-availability", "> 3\n", ">= 2.9\n", SLOW, "exactly at the threshold of 2 h"),
    ("chat-availability", "10m / slo:error_budget:ratio > 3", "10m > 0", SLOW, "2 h and 10 min - 2"),
    ("chat-availability", "> 1\n", "> 100\n", SLOW, "6 h and 30 min - 1"),
    ("chat-availability", "> 1\n", ">= 0.99\n", SLOW, "exactly at the threshold of 6 h"),
    ("chat-availability", "30m / slo:error_budget:ratio > 1\n", "30m > 0\n", SLOW, "6 h and 30 min - 1"),
    ("chat-availability", "increase6h >= 10", "increase6h >= 1", QUIET, "first error"),
    ("chat-availability", "for: 30s", "for: 0s", QUIET, "a young lab"),
    ("chat-availability", "severity: ticket", "severity: page", QUIET, "a young lab"),
    # What counts.
    ("chat-availability", 'outcome!="ok"', 'outcome="error"', AVAILABILITY, "figures"),
    ("chat-availability", 'route="/chat"', 'route!=""', AVAILABILITY, "figures"),
    ("chat-availability", 'job="assistant"', 'job!=""', AVAILABILITY, "figures"),
    ("chat-availability", "or vector(0)", "", QUIET, "idle"),
    ("chat-latency", 'le="2.0"', 'le="3.0"', LATENCY, "figures"),
    ("chat-latency", 'route="/chat"', 'route!=""', LATENCY, "figures"),
    ("chat-latency", "or vector(0)", "", LATENCY, "quiet"),
    ("bookings", 'outcome="failed"', 'outcome=~"failed|refused"', BOOKINGS, "figures"),
    ("bookings", 'outcome=~"done|failed"', 'outcome=~".+"', BOOKINGS, "figures"),
    ("bookings", "or vector(0)", "", BOOKINGS, "refused"),
    # The budgets.
    ("chat-availability", "vector(0.995)", "vector(0.999)", AVAILABILITY, "figures"),
    ("chat-latency", "vector(0.95)", "vector(0.9)", LATENCY, "figures"),
    ("bookings", "vector(0.99)", "vector(0.995)", BOOKINGS, "figures"),
    ("chat-availability", "[60h]", "[6h]", BUDGET, "60 h of traffic"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken[0]}: {broken[2].strip()}")
def test_promtools_tests_detect_a_broken_objective(tmp_path: Path, broken: tuple[str, str, str, str, str]) -> None:
    slo, good, bad, test, case = broken
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    for path in FILES.values():
        shutil.copy(path, tmp_path / "rules")
    shutil.copy(RULE_TESTS / f"{test}.yml", tmp_path / "tests")
    file = tmp_path / "rules" / FILES[slo].name
    assert good in file.read_text()
    file.write_text(file.read_text().replace(good, bad))
    done = subprocess.run(
        [program("promtool"), "test", "rules", f"--run={case}", tmp_path / "tests" / f"{test}.yml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert "FAILED" in done.stdout, f"{bad} went unnoticed\n{done.stdout}"
