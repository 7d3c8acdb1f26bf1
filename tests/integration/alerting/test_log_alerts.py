"""The alerts on log lines: lines pushed to real Lokis that evaluate the real rule file, and a real Alertmanager.

What promtool is for the other alerts. Each case is a service of its own, so that one Loki takes them all. The age of
the lab is one for all its services, so a lab of another age is another Loki.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from services.pager.web.redirects import LogsQuery, explore_logs
from tests.support.servers.derived_servers import DerivedServers
from tests.support.servers.processes import Server, until

MINUTE, HOUR = 60.0, 3600.0
# The slower of the two groups is evaluated every 15 s.
EVALUATED_SECONDS = 40
# All lines are there before the oldest "just now" is ten seconds old.
NOW = 1.0

Alerts = set[tuple[str, str]]


@dataclass
class Lines:
    """Log lines of a lab, each with its age in seconds."""

    lines: list[tuple[float, str, str, dict[str, str]]] = field(default_factory=list)

    def at_work(self, since: float, until: float = 0) -> "Lines":
        """Users are served from `since` to `until` seconds ago, two a minute."""
        for ago in range(int(since), int(until), -30):
            self.lines.append((ago, "assistant", "access", {"event": "request", "status": "200"}))
        return self

    def refused(
        self, service: str, count: int, *, first: float, last: float = NOW, event: str = "admin.refused"
    ) -> None:
        """`count` calls to the admin API, spread evenly."""
        for number in range(count):
            ago = first - (first - last) * number / max(1, count - 1)
            self.lines.append((ago, service, "audit", {"event": event, "action": "faults.list"}))

    def failed(
        self, service: str, error_type: str, *ago: float, stack: str = "Traceback ...", kind: str = "error"
    ) -> None:
        """An exception, each so long ago."""
        fields = {"event": "problem", "error_type": error_type, "stack": stack}
        self.lines += [(each, service, kind, {key: value for key, value in fields.items() if value}) for each in ago]


class LogServer:
    """A Loki with the lab's configuration and rules."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.servers = DerivedServers(folder)
        self.loki: Server = self.servers.server("loki")
        # Lines of yesterday that are pushed today are still in memory, where only those of 3 h are looked for. One of
        # the two settings alone holds at some starts only: which part of Loki reads them first is left to chance.
        config = folder / "native" / "config" / "loki" / "etc" / "loki" / "loki.yml"
        start, section, rest = config.read_text().partition("\ningester:\n")
        assert section, "both settings are needed"
        both = f"{section}  query_store_max_look_back_period: -1ns\n{rest}\nquerier: {{query_ingesters_within: 0s}}\n"
        config.write_text(start + both)

    def push(self, lines: Lines) -> None:
        """Send the lines as the Collector does, oldest first."""
        now = time.time()
        streams: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for ago, service, kind, fields in sorted(lines.lines, key=lambda line: -line[0]):
            stamp = str(int((now - ago) * 1e9))
            record = {"timeUnixNano": stamp, "body": _text("a line"), "attributes": _attributes(fields)}
            streams.setdefault((service, kind), []).append(record)
        body = {
            "resourceLogs": [
                {
                    "resource": {
                        "attributes": _attributes({"service.name": service, "service.namespace": "lab", "kind": kind})
                    },
                    "scopeLogs": [{"logRecords": records}],
                }
                for (service, kind), records in streams.items()
            ]
        }
        httpx.post(f"{self.loki.url}/otlp/v1/logs", json=body, timeout=20).raise_for_status()

    def groups(self) -> list[dict[str, Any]]:
        """Return the rule groups of the ruler."""
        answer = httpx.get(f"{self.loki.url}/prometheus/api/v1/rules").raise_for_status().json()
        groups: list[dict[str, Any]] = answer["data"]["groups"]
        return groups

    def evaluate(self) -> Alerts:
        """Wait until every rule was evaluated after this moment; return what fires, by alert and service."""
        begun = time.time()

        def done() -> bool:
            groups = self.groups()
            return len(groups) == 2 and all(_seconds(group["lastEvaluation"]) > begun for group in groups)

        until("both groups are evaluated", done, EVALUATED_SECONDS, pause=0.5)
        rules = [rule for group in self.groups() for rule in group["rules"]]
        assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []
        return {
            (rule["name"], alert["labels"]["service"])
            for rule in rules
            for alert in rule["alerts"]
            if alert["state"] == "firing"
        }


def _text(value: str) -> dict[str, str]:
    return {"stringValue": value}


def _attributes(fields: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _text(value)} for key, value in fields.items()]


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


@dataclass
class World:
    """A lab that has been at work for three hours: what fires after all cases were pushed."""

    server: LogServer
    alertmanager: Server
    idle: Alerts
    fires: Alerts


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Loki and Alertmanager, with every case of a lab of three hours in them."""
    server = LogServer(tmp_path_factory.mktemp("log-alerts") / "loki")
    alertmanager = server.servers.server("alertmanager")
    try:
        alertmanager.start()
        server.loki.start()
        idle = server.evaluate()
        server.push(_cases())
        yield World(server, alertmanager, idle, server.evaluate())
    finally:
        server.loki.stop()
        alertmanager.stop()


def _cases() -> Lines:
    lines = Lines().at_work(3 * HOUR)
    lines.refused("guessed", 30, first=20)
    lines.refused("at-threshold", 10, first=20)
    lines.refused("below-threshold", 9, first=5)
    lines.refused("slow-threshold", 60, first=10 * MINUTE)
    lines.refused("blip", 50, first=90, last=75)
    lines.refused("admin-used", 50, first=20, event="faults.on")
    lines.refused("half-one", 6, first=20)
    lines.refused("half-two", 6, first=20)

    lines.failed("never-seen", "LedgerIndexMissing3f2aError", NOW)
    lines.failed("seen-long-ago", "TypeError", 2.5 * HOUR, NOW)
    lines.failed("seen-elsewhere", "ZeroDivisionError", NOW)
    lines.failed("known", "ZeroDivisionError", HOUR, NOW)
    lines.failed("known-threshold", "KeyError", 2 * HOUR - 20, NOW)
    lines.failed("known-blip", "KeyError", 150, *(NOW + each / 10 for each in range(50)))
    lines.failed("known-after-restart", "ValueError", 4 * MINUTE, 3.9 * MINUTE, NOW)
    lines.failed("resolved", "LookupError", 4 * MINUTE, 3 * MINUTE)
    lines.failed("status-of-provider", "503", NOW, stack="")
    lines.failed("without-type", "", NOW)
    lines.failed("no-error", "RuntimeError", NOW, kind="application")
    return lines


def test_an_idle_loki_fires_nothing(world: World) -> None:
    assert world.idle == set()


@pytest.mark.parametrize(
    ("alert", "service"),
    [
        ("AuthFailures", "guessed"),
        ("AuthFailures", "at-threshold"),
        ("NewErrorKind", "never-seen"),
        ("NewErrorKind", "seen-long-ago"),
        ("NewErrorKind", "seen-elsewhere"),
    ],
)
def test_fires(world: World, alert: str, service: str) -> None:
    assert (alert, service) in world.fires


@pytest.mark.parametrize(
    ("alert", "service"),
    [
        ("AuthFailures", "below-threshold"),
        ("AuthFailures", "slow-threshold"),
        ("AuthFailures", "blip"),
        ("AuthFailures", "admin-used"),
        ("AuthFailures", "half-one"),
        ("AuthFailures", "half-two"),
        ("NewErrorKind", "known"),
        ("NewErrorKind", "known-threshold"),
        ("NewErrorKind", "known-blip"),
        ("NewErrorKind", "known-after-restart"),
        ("NewErrorKind", "resolved"),
        ("NewErrorKind", "status-of-provider"),
        ("NewErrorKind", "without-type"),
        ("NewErrorKind", "no-error"),
    ],
)
def test_stays_quiet(world: World, alert: str, service: str) -> None:
    assert (alert, service) not in world.fires


def test_reaches_alertmanager_with_its_labels_and_links(world: World) -> None:
    def received() -> dict[tuple[str, str], dict[str, Any]]:
        alerts = httpx.get(f"{world.alertmanager.url}/api/v2/alerts").raise_for_status().json()
        return {(alert["labels"]["alertname"], alert["labels"]["service"]): alert for alert in alerts}

    until("Alertmanager receives what fires", lambda: set(received()) >= world.fires, 15)
    guessed, unseen = received()["AuthFailures", "guessed"], received()["NewErrorKind", "never-seen"]
    assert guessed["labels"] == {
        "alertname": "AuthFailures",
        "severity": "ticket",
        "role": "symptom",
        "service": "guessed",
        "service_name": "guessed",
    }
    assert unseen["labels"]["error_type"] == "LedgerIndexMissing3f2aError"
    assert guessed["annotations"]["summary"].startswith(
        "30 calls to the admin API of guessed were refused in the last minute (threshold 10)"
    )
    assert unseen["annotations"]["summary"].startswith(
        "A new kind of error in never-seen: LedgerIndexMissing3f2aError, 1 times in the last two minutes"
    )
    pager, grafana = world.server.servers.address("PAGER_PORT"), world.server.servers.address("GRAFANA_PORT")
    for alert in (guessed, unseen):
        assert alert["annotations"]["runbook_url"] == f"{pager}/runbooks/{alert['labels']['alertname']}"
        assert alert["annotations"]["dashboard_url"] == f"{grafana}/d/service"
        assert alert["generatorURL"].startswith(f"{grafana}/explore?")
    head, _, query = unseen["annotations"]["logs_url"].partition("?")
    assert head == f"{pager}/logs"
    link = urlsplit(explore_logs(grafana, LogsQuery.model_validate(dict(parse_qsl(query))), datetime.now(UTC)))
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{grafana}/explore"
    [pane] = json.loads(parse_qs(link.query)["panes"][0]).values()
    assert pane["queries"][0]["expr"] == (
        '{service_name="never-seen", kind="error"} | error_type="LedgerIndexMissing3f2aError"'
    )
    about = time.time() * 1000
    assert about - 720_000 < int(pane["range"]["from"]) < about - 580_000
    assert int(pane["range"]["to"]) - int(pane["range"]["from"]) == 1_200_000


def test_a_restart_of_loki_makes_nothing_new(world: World) -> None:
    world.server.loki.stop()
    world.server.loki.start()
    again = Lines()
    again.failed("known", "ZeroDivisionError", NOW)
    again.failed("never-seen-either", "BrandNewError", NOW)
    world.server.push(again)
    fires = world.server.evaluate()
    assert ("NewErrorKind", "never-seen-either") in fires
    assert ("NewErrorKind", "known") not in fires
    assert ("NewErrorKind", "known-threshold") not in fires


AGES = {
    "started five minutes ago, for the first time": Lines().at_work(5 * MINUTE),
    "started nine minutes ago, after a night": Lines().at_work(20 * HOUR, 16 * HOUR).at_work(9 * MINUTE),
    "started 16 minutes ago, after a night": Lines().at_work(20 * HOUR, 16 * HOUR).at_work(16 * MINUTE),
    "started 16 minutes ago, for the first time": Lines().at_work(16 * MINUTE),
}


def test_at_the_start_nothing_is_new(tmp_path: Path) -> None:
    """Four labs of different ages side by side, each with a new error, and those of yesterday with one of yesterday."""

    def run(number: int, lines: Lines) -> Alerts:
        server = LogServer(tmp_path / str(number))
        try:
            server.loki.start()
            lines.failed("unseen", "BrandNewError", NOW)
            lines.failed(
                "of-yesterday", "TypeError", *([18 * HOUR] if lines.lines[0][0] > HOUR else [15 * MINUTE]), NOW
            )
            lines.refused("guessed", 20, first=10)
            server.push(lines)
            return server.evaluate()
        finally:
            server.loki.stop()

    with ThreadPoolExecutor(len(AGES)) as pool:
        fires = dict(zip(AGES, pool.map(run, range(len(AGES)), AGES.values()), strict=True))
    guessed, unseen = ("AuthFailures", "guessed"), ("NewErrorKind", "unseen")
    assert fires == {
        "started five minutes ago, for the first time": {guessed},
        "started nine minutes ago, after a night": {guessed},
        "started 16 minutes ago, after a night": {guessed, unseen},
        "started 16 minutes ago, for the first time": {guessed, unseen},
    }
