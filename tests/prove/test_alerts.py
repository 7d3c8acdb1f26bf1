"""The drill: every scenario fires what it declares, every alert fires, and steady traffic fires nothing."""

import json
import os
import time
from pathlib import Path

from lab.query import Lab
from loadtest.scenarios import registry
from tests.support.alerting.rules import alerts, log_alerts
from tests.support.labs.running import RunningLab

# Ten minutes; a shorter soak while one works on the alerts: STEADY_SECONDS=60 make prove. The drill then waits until
# the lab is old enough.
STEADY_SECONDS = float(os.environ.get("STEADY_SECONDS", "600"))
HEARTBEAT = "Watchdog"
# All scenarios, each as short as it can be, on two cores.
DRILL_SECONDS = 20 * 60
PAGE_SECONDS = 60


def test_steady_traffic_fires_no_alert(running_lab: RunningLab, lab: Lab) -> None:
    began = time.time()
    seen: set[str] = set()
    while time.time() < began + STEADY_SECONDS:
        seen |= {alert.name for alert in (*lab.prometheus.alerts(), *lab.loki.alerts())}
        time.sleep(5)

    assert seen <= {HEARTBEAT}, f"{seen} pending or firing in steady traffic"
    rate = lab.prometheus.value(f'sum(rate(ai_requests_total{{job="assistant"}}[{int(STEADY_SECONDS)}s]))')
    assert 0.5 < rate < 10, "there was traffic, and it was steady"
    failed = lab.prometheus.value(f'sum(increase(ai_requests_total{{outcome!="ok"}}[{int(STEADY_SECONDS)}s]))')
    assert failed == 0
    assert [one.alert for one in lab.pager.incidents() if one.alert != HEARTBEAT] == []


def test_every_scenario_does_what_it_declares_and_every_alert_comes_in_time(
    running_lab: RunningLab, tmp_path: Path
) -> None:
    report, table = tmp_path / "drill.json", tmp_path / "measured.md"

    options = ("--all", "--quick", "--report", str(report), "--table", str(table))
    done = running_lab.run("drill", *options, timeout=2 * DRILL_SECONDS, check=False)

    content = json.loads(report.read_text())
    assert {one["scenario"] for one in content["scenarios"]} == set(registry.find()[0])
    failed = {one["scenario"]: one["reason"] for one in content["scenarios"] if one["outcome"] != "passed"}
    assert (failed, done.returncode) == ({}, 0), done.stdout + done.stderr
    assert running_lab.lab.model.faults() == running_lab.lab.assistant.faults() == []

    severities = {alert.name: alert.labels["severity"] for alert in (*alerts(), *log_alerts())}
    latencies = [latency for one in content["scenarios"] for latency in one["pages"]]
    assert {latency["alert"] for latency in latencies} == set(severities)
    late = {
        one["alert"]: one["notified"]
        for one in latencies
        if severities[one["alert"]] == "page" and one["notified"] is not None and one["notified"] > PAGE_SECONDS
    }
    assert late == {}
    assert all(f"| {latency['alert']} |" in table.read_text() for latency in latencies)
    assert content["seconds"] < DRILL_SECONDS
