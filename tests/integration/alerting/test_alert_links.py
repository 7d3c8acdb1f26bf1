"""Every link of every alert, as real servers write it, leads somewhere: runbook, dashboard, log lines.

The rules are the lab's own; only their conditions are replaced by one that always holds, so that Prometheus and Loki's
ruler fill in the texts of all of them at once.
"""

import copy
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lab.settings import ROOT
from tests.support.alerting.rules import LOG_RULES, RULES, Alert, alerts, log_alerts
from tests.support.labs.programs import program
from tests.support.labs.running import RunningLab
from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server, loki, pager, prometheus, until

GRAFANA_URL = "http://127.0.0.1:3000"
DASHBOARDS = {
    json.loads(path.read_text())["uid"]: path for path in sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
}
ALERTS = [(alert, False) for alert in alerts()] + [(alert, True) for alert in log_alerts()]
# What a rule's labels may be; every other one gets its own name.
LABELS = {"job": "assistant", "service_name": "assistant"}


def _id(alert: Alert) -> str:
    return "-".join(filter(None, (alert.name, alert.labels.get("slo", ""))))


EVERY_ALERT = pytest.mark.parametrize(
    ("alert", "of_logs"), [pytest.param(*found, id=_id(found[0])) for found in ALERTS]
)


def _always(rule: dict[str, Any]) -> dict[str, Any]:
    """The rule with a condition that holds, and the labels that its texts and labels ask for."""
    made = copy.deepcopy(rule)
    texts = "".join([*rule["labels"].values(), *rule["annotations"].values()])
    expr = "vector(1)"
    for label in sorted(set(re.findall(r"\$labels\.(\w+)", texts))):
        expr = f'label_replace({expr}, "{label}", "{LABELS.get(label, label)}", "", "")'
    made["expr"] = expr
    made.pop("for", None)
    return made


def _copy_rules(source: Path, target: Path) -> None:
    """Copy the alert rules of a folder, each with a condition that holds. A recorded series has no answer here."""
    target.mkdir(parents=True)
    for file in sorted(source.glob("*.yml")):
        groups = yaml.safe_load(file.read_text())["groups"]
        for group in groups:
            group["rules"] = [_always(rule) for rule in group["rules"] if "alert" in rule]
            group["interval"] = "1s"
        text = yaml.safe_dump({"groups": [group for group in groups if group["rules"]]}, width=100_000)
        (target / file.name).write_text(text)


@dataclass
class Servers:
    """What links are written by and lead to."""

    pager: Server
    prometheus: Server
    loki: Server

    def fired(self, alert: Alert, of_logs: bool) -> dict[str, str]:
        """The annotations of an alert as its server has filled them in."""
        url = f"{self.loki.url}/prometheus/api/v1/alerts" if of_logs else f"{self.prometheus.url}/api/v1/alerts"

        def found() -> list[dict[str, Any]]:
            listed = httpx.get(url).raise_for_status().json()["data"]["alerts"]
            wanted = {"alertname": alert.name, **{key: value for key, value in alert.labels.items() if key == "slo"}}
            return [one for one in listed if wanted.items() <= one["labels"].items()]

        until(f"{alert.name} fires", found, 30)
        annotations: dict[str, str] = found()[0]["annotations"]
        return annotations


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A pager with the runbooks, and Prometheus and Loki in which every alert fires."""
    programs = [program(name) for name in ("prometheus", "loki")]
    folder = tmp_path_factory.mktemp("links")
    ports = free_ports(4)
    own_pager = pager(ports[0], folder, GRAFANA_URL=GRAFANA_URL)
    _copy_rules(RULES, folder / "rules")
    _copy_rules(LOG_RULES, folder / "log-rules" / "fake")
    settings = {
        "global": {
            "evaluation_interval": "1s",
            "external_labels": {"pager_url": own_pager.url, "grafana_url": GRAFANA_URL},
        },
        "rule_files": [str(folder / "rules" / "*.yml")],
    }
    made = Servers(
        own_pager,
        prometheus(programs[0], ports[1], folder, yaml.safe_dump(settings)),
        loki(programs[1], ports[2], ports[3], folder, rules=folder / "log-rules", pager_url=own_pager.url),
    )
    every = (made.pager, made.prometheus, made.loki)
    try:
        for server in every:
            server.start()
        yield made
    finally:
        for server in every:
            server.stop()


@EVERY_ALERT
def test_the_texts_of_an_alert_are_filled_in(servers: Servers, alert: Alert, of_logs: bool) -> None:
    annotations = servers.fired(alert, of_logs)
    for key in ("summary", "description"):
        assert annotations[key].strip()
        assert not re.search(r"\{\{|\}\}|<no value>|error expanding|<error", annotations[key]), annotations[key]


@EVERY_ALERT
def test_the_runbook_of_an_alert_opens_at_the_pager(servers: Servers, alert: Alert, of_logs: bool) -> None:
    answer = httpx.get(servers.fired(alert, of_logs)["runbook_url"])
    assert answer.status_code == 200, answer.text
    assert f"<h1>{alert.name}</h1>" in answer.text
    assert "Similar symptoms and how they differ" in answer.text


@EVERY_ALERT
def test_the_dashboard_of_an_alert_is_there(servers: Servers, alert: Alert, of_logs: bool) -> None:
    link = urllib.parse.urlsplit(servers.fired(alert, of_logs)["dashboard_url"])
    assert f"{link.scheme}://{link.netloc}" == GRAFANA_URL
    assert link.path.removeprefix("/d/") in DASHBOARDS


def _pane(link: str, pager_url: str) -> dict[str, Any]:
    """Return what Explore shows after the pager's redirect."""
    logs = urllib.parse.urlsplit(link)
    assert (f"{logs.scheme}://{logs.netloc}", logs.path) == (pager_url, "/logs")
    answer = httpx.get(link)
    assert answer.status_code == 302, answer.text
    address = urllib.parse.urlsplit(answer.headers["location"])
    assert (f"{address.scheme}://{address.netloc}", address.path) == (GRAFANA_URL, "/explore")
    [pane] = json.loads(urllib.parse.parse_qs(address.query)["panes"][0]).values()
    assert isinstance(pane, dict)
    return pane


@EVERY_ALERT
def test_the_log_lines_of_an_alert_can_be_asked_for(servers: Servers, alert: Alert, of_logs: bool) -> None:
    """The query runs in Loki, over the ten minutes before and after."""
    pane = _pane(servers.fired(alert, of_logs)["logs_url"], servers.pager.url)
    assert pane["datasource"] == "loki"
    start, end = (int(pane["range"][key]) / 1000 for key in ("from", "to"))
    # Prometheus queries the time again at each evaluation.
    assert end - start == pytest.approx(1200, abs=2)
    assert (start + end) / 2 == pytest.approx(time.time(), abs=60)
    [query] = pane["queries"]
    params = {"query": query["expr"], "start": str(int(start * 1e9)), "end": str(int(end * 1e9))}
    answer = httpx.get(f"{servers.loki.url}/loki/api/v1/query_range", params=params)
    assert answer.status_code == 200, answer.text


def test_the_pager_lists_a_runbook_for_every_alert(servers: Servers) -> None:
    listed = httpx.get(f"{servers.pager.url}/runbooks/").text
    links = set(re.findall(r'href="/runbooks/(\w+)"', listed))
    assert links == {alert.name for alert, _ in ALERTS}


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
def test_grafana_opens_the_dashboards(need: Callable[[str], None], request: pytest.FixtureRequest, uid: str) -> None:
    need("grafana")
    running: RunningLab = request.getfixturevalue("running_lab")
    answer = httpx.get(f"{running.url('grafana')}/api/dashboards/uid/{uid}", timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.json()["dashboard"]["uid"] == uid
