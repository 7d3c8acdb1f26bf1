"""An alert without proof cannot land: rule, promtool tests, route, runbook and links belong together."""

import json
import re
import shutil
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.settings import ROOT
from services.telemetry import names
from tests.support.programs import program
from tests.support.rules import (
    ALERTMANAGER,
    RULE_TESTS,
    RULES,
    RUNBOOKS,
    Alert,
    alerts,
    fences,
    log_alerts,
    rule_tests,
    rules,
)

ALERTS = {alert.name: alert for alert in alerts()}
PAGES = sorted(RUNBOOKS.glob("*.md"))

# Who is told of which alert, for a service as it comes. A new alert needs a row.
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
]

# What a promtool test of an alert that can be quiet must show not to fire it; found in the names of the cases.
QUIET_CASES = ("idle", "start", "reset", "threshold", "blip")


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A command's exit code and output, both streams in one."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


# --- Rules --------------------------------------------------------------------------------------------------------


def test_promtool_accepts_the_rules() -> None:
    done = run(program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *sorted(RULES.glob("*.yml")))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", sorted(RULE_TESTS.glob("*.yml")), ids=lambda file: file.stem)
def test_promtools_tests_pass(file: Path) -> None:
    done = run(program("promtool"), "test", "rules", file)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("test", "good", "bad"),
    [
        ("error_rate_critical", "ratio_rate1m > 0.10", "ratio_rate1m > 1.10"),
        ("error_rate_critical", "ratio_rate1m > 0.10", "ratio_rate1m >= 0.10"),
        ("error_rate_critical", "ratio_rate1m > 0.10", "ratio_rate1m >= 0"),
        ("error_rate_critical", "increase1m >= 10", "increase1m >= 0"),
        ("error_rate_critical", "for: 10s", "for: 0s"),
        ("error_rate_critical", "for: 10s", "for: 5m"),
        ("error_rate_critical", '{outcome!="ok"}', '{outcome!="okay"}'),
        ("error_rate_critical", '{outcome!="ok"}', '{outcome="error"}'),
        ("error_rate_critical", "sum by (job) (rate(ai", "sum(rate(ai"),
        ("service_down", "up < 1", "up < 0"),
        ("service_down", "up < 1", "up <= 1"),
        ("service_down", "count_over_time(up[1m]) >= 10", "count_over_time(up[1m]) >= 0"),
        ("service_down", "for: 15s", "for: 0s"),
        ("service_down", '"spanmetrics" }}collector', '"spanmetrics" }}spanmetrics'),
        ("watchdog", "vector(1)", "vector(1) > 1"),
        ("error_rate_critical", "severity: page", "severity: ticket"),
    ],
)
def test_promtools_tests_notice_a_broken_rule(tmp_path: Path, test: str, good: str, bad: str) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    shutil.copytree(RULE_TESTS, tmp_path / "tests")
    [file, *_] = [path for path in sorted((tmp_path / "rules").glob("*.yml")) if good in path.read_text()]
    text = file.read_text()
    file.write_text(text.replace(good, bad, 1))
    done = run(program("promtool"), "test", "rules", tmp_path / "tests" / f"{test}.yml")
    assert done.returncode != 0, f"{bad} went unnoticed"


def test_scrapes_are_as_often_as_the_rules_reckon() -> None:
    """ServiceDown counts the scrapes of a minute: a job with an interval of its own would never page."""
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    assert config["global"]["scrape_interval"] == "5s"
    for file in sorted((ROOT / "prometheus" / "scrape").glob("*.yml")):
        for job in yaml.safe_load(file.read_text())["scrape_configs"]:
            assert job.get("scrape_interval", "5s") == "5s", job["job_name"]


def test_rules_use_the_metrics_that_the_services_have() -> None:
    known = {value for value in vars(names).values() if isinstance(value, str)}
    found = {
        word for rule in rules() for word in re.findall(r"\b(?:ai|gen_ai|lab|pager|process)_\w+", str(rule["expr"]))
    }
    used = {re.sub(r"_(count|sum|bucket)$", "", word) for word in found}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert used - {part for name in recorded for part in name.split(":")} <= known


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)
class TestEveryAlert:
    def test_has_its_labels(self, alert: Alert) -> None:
        assert alert.labels["severity"] in ("page", "ticket", "none")
        assert alert.labels["role"] in ("cause", "symptom", "heartbeat")
        assert alert.labels["service"]

    def test_summary_tells_value_and_threshold_and_who_suffers(self, alert: Alert) -> None:
        summary = alert.annotations["summary"]
        assert "$value" in summary
        assert re.search(r"threshold [\d.]+|must be [\d.]+", summary)
        assert re.search(r"\b[Uu]sers\b", summary)
        assert alert.annotations["description"].strip()

    def test_links_are_right(self, alert: Alert) -> None:
        links = alert.annotations
        assert links["runbook_url"] == f"{{{{ $externalLabels.pager_url }}}}/runbooks/{alert.name}"
        assert re.fullmatch(r"\{\{ \$externalLabels.grafana_url \}\}/d/(service|load|slo)", links["dashboard_url"])
        head, _, panes = links["logs_url"].partition("&panes=")
        assert head == "{{ $externalLabels.grafana_url }}/explore?schemaVersion=1&orgId=1"
        panes = re.sub(r"\{\{ with query.*?end \}\}", "1", panes).replace("{{ $labels.job }}", "assistant")
        [pane] = json.loads(urllib.parse.unquote(panes)).values()
        assert pane["datasource"] == "loki"
        assert pane["range"] == {"from": "1", "to": "1"}

    def test_has_a_runbook(self, alert: Alert) -> None:
        assert (RUNBOOKS / f"{alert.name}.md").is_file()

    def test_is_routed(self, alert: Alert) -> None:
        assert alert.name in {name for name, _, _ in ROUTES}, "add a row to ROUTES"

    def test_is_tested_both_ways(self, alert: Alert) -> None:
        cases = rule_tests()
        assert any(_fires(case, alert.name) for case in cases), "no promtool test fires it"
        if alert.name == "Watchdog":  # quiet is what it must never be
            return
        quiet = " ".join(case["name"] for case in cases if _quiet(case, alert.name))
        assert [word for word in QUIET_CASES if word not in quiet] == []


def _fires(case: dict[str, Any], name: str) -> bool:
    checks = [check for check in case.get("alert_rule_test", []) if check["alertname"] == name and check["exp_alerts"]]
    samples = [
        check
        for check in case.get("promql_expr_test", [])
        if check["expr"] == f'ALERTS{{alertname="{name}", alertstate="firing"}}' and check["exp_samples"]
    ]
    return bool(checks or samples)


def _quiet(case: dict[str, Any], name: str) -> bool:
    return any(check["alertname"] == name and not check["exp_alerts"] for check in case.get("alert_rule_test", []))


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
    assert {page.stem for page in PAGES} == set(ALERTS) | {alert.name for alert in log_alerts()}


@pytest.mark.parametrize("runbook", PAGES, ids=lambda runbook: runbook.stem)
class TestEveryRunbook:
    def test_has_four_headings_with_something_below(self, runbook: Path) -> None:
        title, *sections = re.split(r"^## ", runbook.read_text(), flags=re.MULTILINE)
        assert title.strip() == f"# {runbook.stem}"
        assert [section.split("\n")[0] for section in sections] == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
        for section in sections:
            assert len(section.split("\n", 1)[1].split()) >= 20, section
        assert not re.search(r"\b(TODO|FIXME|TBD|XXX)\b", runbook.read_text())

    def test_tells_look_alikes_apart(self, runbook: Path) -> None:
        assert "Look-alikes, told apart:" in runbook.read_text()

    def test_has_queries_that_parse(self, runbook: Path) -> None:
        queries = fences(runbook, "promql")
        assert queries
        for query in queries:
            done = run(program("promtool"), "--experimental", "promql", "format", query)
            assert done.returncode == 0, f"{query}: {done.stdout}"

    def test_queries_name_metrics_that_exist(self, runbook: Path) -> None:
        written = vars(names).values()
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
