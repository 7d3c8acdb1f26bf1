"""An alert without proof cannot land: rule, tests both ways, route, runbook, scenario, docs and links go together."""

import re
import subprocess
import urllib.parse
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lab.settings import ROOT
from loadtest.stats import metric_names
from services.telemetry import names
from tests.support.alerting.proof import QUIET_CASES, Proof, proof
from tests.support.alerting.rules import (
    ALERTMANAGER,
    RULE_TESTS,
    RULES,
    RUNBOOKS,
    Alert,
    alerts,
    fences,
    log_alerts,
    rules,
)
from tests.support.labs.programs import program

ALERTS = {alert.name: alert for alert in (*alerts(), *log_alerts())}
PAGES = sorted(RUNBOOKS.glob("*.md"))

# Who is reported of which alert, for a service as it comes. A new alert needs a row.
ROUTES = [
    ("Watchdog", "prometheus", "heartbeat"),
    ("ServiceDown", "assistant", "application"),
    ("ServiceDown", "model", "application"),
    ("ServiceDown", "pager", "application"),
    ("ServiceDown", "loki", "platform"),
    ("ServiceDown", "collector", "platform"),
    ("ErrorRateCritical", "assistant", "application"),
    ("ErrorRateCritical", "model", "application"),
    ("ErrorRateHigh", "assistant", "application"),
    ("SlowResponses", "assistant", "application"),
    ("TrafficSpike", "assistant", "application"),
    ("DatabaseDown", "assistant", "application"),
    ("ProviderThrottled", "assistant", "application"),
    ("ConversionDrop", "assistant", "application"),
    ("SyntheticJourneyFailing", "assistant", "application"),
    ("MemoryHigh", "assistant", "application"),
    ("MemoryHigh", "model", "application"),
    ("DiskFilling", "assistant", "application"),
    ("TelemetryLoss", "collector", "platform"),
    ("RuleFailure", "prometheus", "platform"),
    ("RuleFailure", "loki", "platform"),
    ("ScrapeSlow", "assistant", "application"),
    ("ScrapeSlow", "collector", "platform"),
    ("ErrorBudgetFastBurn", "assistant", "application"),
    ("ErrorBudgetSlowBurn", "assistant", "application"),
    ("AuthFailures", "assistant", "application"),
    ("AuthFailures", "model", "application"),
    ("NewErrorKind", "assistant", "application"),
]


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A command's exit code and output, both streams in one."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        # A busy machine takes ten times as long.
        timeout=180,
    )


# --- Rules --------------------------------------------------------------------------------------------------------


def test_promtool_accepts_the_rules() -> None:
    done = run(program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *sorted(RULES.glob("*.yml")))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", sorted(RULE_TESTS.glob("*.yml")), ids=lambda file: file.stem)
def test_promtools_tests_pass(file: Path) -> None:
    done = run(program("promtool"), "test", "rules", file)
    assert done.returncode == 0, done.stdout


def test_scrapes_are_as_often_as_the_rules_reckon() -> None:
    """ServiceDown counts the scrapes of a minute: a job with an interval of its own would never page."""
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    assert config["global"]["scrape_interval"] == "5s"
    for file in sorted((ROOT / "prometheus" / "scrape").glob("*.yml")):
        for job in yaml.safe_load(file.read_text())["scrape_configs"]:
            assert job.get("scrape_interval", "5s") == "5s", job["job_name"]


def test_rules_use_the_metrics_that_the_services_have() -> None:
    known = {value for value in (vars(names) | vars(metric_names)).values() if isinstance(value, str)}
    found = {
        word for rule in rules() for word in re.findall(r"\b(?:ai|gen_ai|lab|pager|process)_\w+", str(rule["expr"]))
    }
    used = {re.sub(r"_(count|sum|bucket)$", "", word) for word in found}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert used - {part for name in recorded for part in name.split(":")} <= known


@pytest.mark.parametrize(
    ("name", "threshold"),
    [("ErrorRateHigh", names.ERROR_RATE_HIGH), ("ErrorRateCritical", names.ERROR_RATE_CRITICAL)],
)
def test_the_error_rates_of_page_and_rules_are_the_same(name: str, threshold: float) -> None:
    (expr,) = (alert.expr for alert in alerts() if alert.name == name)
    (compared,) = re.findall(r"^job:ai_requests_failed:ratio_rate1m > ([\d.]+)$", expr, re.MULTILINE)
    assert float(compared) == threshold


@pytest.mark.parametrize("alert", (*alerts(), *log_alerts()), ids=lambda alert: alert.name)
class TestEveryAlert:
    def test_has_its_labels(self, alert: Alert) -> None:
        assert alert.labels["severity"] in ("page", "ticket", "none")
        assert alert.labels["role"] in ("cause", "symptom", "heartbeat")
        assert alert.labels["service"]

    def test_summary_reports_value_and_threshold_and_who_suffers(self, alert: Alert) -> None:
        summary = alert.annotations["summary"]
        assert "$value" in summary
        assert re.search(r"threshold [\d.]+|must be [\d.]+", summary)
        assert re.search(r"\b[Uu]sers\b", summary)
        assert alert.annotations["description"].strip()

    def test_summary_reports_the_threshold_of_the_rule(self, alert: Alert) -> None:
        numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", alert.expr)
        # A rule that compares with nothing fires from the first one.
        compared = {float(number) for number in numbers} or {1.0}
        for number, percent in re.findall(r"(?:threshold|must be) (\d+(?:\.\d+)?)(%?)", alert.annotations["summary"]):
            assert float(number) / (100 if percent else 1) in compared

    def test_links_are_right(self, alert: Alert) -> None:
        links = alert.annotations
        assert links["runbook_url"] == f"{{{{ $externalLabels.pager_url }}}}/runbooks/{alert.name}"
        assert re.fullmatch(r"\{\{ \$externalLabels.grafana_url \}\}/d/(service|load|slo)", links["dashboard_url"])
        logs = re.sub(r"\{\{ with query.*?end \}\}|\{\{ \(?\(?(toTime )?now.*?\}\}", "1", links["logs_url"])
        address, _, query = logs.partition("?")
        assert address == "{{ $externalLabels.pager_url }}/logs"
        fields = urllib.parse.parse_qs(re.sub(r"\{\{ \$labels\.\w+ \}\}", "label", query))
        assert fields["at"] == ["1"]
        assert set(fields) <= {"at", "service", "kind", "error_type"}


# --- Proof --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def everything() -> Proof:
    """What the repository has to show for its alerts."""
    return proof({name for name, _, _ in ROUTES})


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_lacks_nothing(everything: Proof, alert: str) -> None:
    assert everything.lacks(alert) == []


def test_an_alert_without_anything_is_reported_what_it_lacks(everything: Proof) -> None:
    assert everything.lacks("Unheard") == [
        "test that fires it",
        *(f"test that must not fire it: {word}" for word in QUIET_CASES),
        "runbook",
        "route",
        "scenario",
        "row in docs/alerts.md",
    ]


@pytest.mark.parametrize(
    ("part", "lacks"),
    [
        ("runbooks", "runbook"),
        ("routes", "route"),
        ("scenarios", "scenario"),
        ("table", "row in docs/alerts.md"),
    ],
)
@pytest.mark.parametrize("alert", ["ServiceDown", "ErrorBudgetSlowBurn", "NewErrorKind", "Watchdog"])
def test_a_missing_part_is_noticed(everything: Proof, alert: str, part: str, lacks: str) -> None:
    broken = replace(everything, **{part: getattr(everything, part) - {alert}})
    assert broken.lacks(alert) == [lacks]


@pytest.mark.parametrize(
    ("alert", "case", "fires", "lacks"),
    [
        ("DatabaseDown", "", True, "test that fires it"),
        ("DatabaseDown", "blip", False, "test that must not fire it: blip"),
        ("RuleFailure", "reset", False, "test that must not fire it: reset"),
        ("AuthFailures", "", True, "test that fires it"),
        ("NewErrorKind", "threshold", False, "test that must not fire it: threshold"),
        ("Watchdog", "", True, "test that fires it"),
    ],
)
def test_a_missing_test_is_noticed(everything: Proof, alert: str, case: str, fires: bool, lacks: str) -> None:
    cases = tuple((name, checked - {(alert, fires)} if case in name else checked) for name, checked in everything.cases)
    assert lacks in replace(everything, cases=cases).lacks(alert)


def test_the_table_has_no_alert_that_is_not_there(everything: Proof) -> None:
    assert everything.table == set(ALERTS)


# --- Routes -------------------------------------------------------------------------------------------------------


def test_amtool_accepts_the_configuration() -> None:
    done = run(program("amtool"), "check-config", ALERTMANAGER)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("name", "service", "receiver"), ROUTES)
def test_the_route_of(name: str, service: str, receiver: str) -> None:
    labels = {"alertname": name, **ALERTS[name].labels, "service": service}
    words = [f"{key}={value}" for key, value in labels.items()]
    done = run(program("amtool"), "config", "routes", "test", f"--config.file={ALERTMANAGER}", *words)
    assert (done.returncode, done.stdout.split()) == (0, [receiver])


# --- Runbooks -----------------------------------------------------------------------------------------------------


def test_every_runbook_is_of_an_alert() -> None:
    assert {page.stem for page in PAGES} == set(ALERTS)


@pytest.mark.parametrize("runbook", PAGES, ids=lambda runbook: runbook.stem)
class TestEveryRunbook:
    def test_has_four_headings_with_something_below(self, runbook: Path) -> None:
        title, *sections = re.split(r"^## ", runbook.read_text(), flags=re.MULTILINE)
        assert title.strip() == f"# {runbook.stem}"
        assert [section.split("\n")[0] for section in sections] == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
        for section in sections:
            assert len(section.split("\n", 1)[1].split()) >= 20, section
        assert not re.search(r"\b(TODO|FIXME|TBD|XXX)\b", runbook.read_text())

    def test_distinguishes_similar_symptoms(self, runbook: Path) -> None:
        assert "Similar symptoms and how they differ:" in runbook.read_text()

    def test_has_queries_that_parse(self, runbook: Path) -> None:
        queries = fences(runbook, "promql")
        assert queries
        for query in queries:
            done = run(program("promtool"), "--experimental", "promql", "format", query)
            assert done.returncode == 0, f"{query}: {done.stdout}"

    def test_queries_name_metrics_that_exist(self, runbook: Path) -> None:
        written = (vars(names) | vars(metric_names)).values()
        known = {value for value in written if isinstance(value, str)}
        known |= {label for value in written if isinstance(value, tuple) for label in value}
        known |= {part for rule in rules() if "record" in rule for part in rule["record"].split(":")}
        text = runbook.read_text()
        for word in set(re.findall(r"\b(?:ai|gen_ai|lab|pager)_\w+", text)):
            assert re.sub(r"_(count|sum|bucket)$", "", word) in known, word

    def test_commands_are_commands_of_the_lab(self, runbook: Path) -> None:
        from lab.cli import app  # noqa: PLC0415 - heavy, and needed here only

        known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
        known |= {group.name for group in app.registered_groups}
        used = re.findall(r"^ *lab (\w+)|`lab (\w+)", runbook.read_text(), flags=re.MULTILINE)
        assert used
        assert {first or second for first, second in used} <= known
