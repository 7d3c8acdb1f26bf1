"""A real Alertmanager with the lab's configuration and a real pager: from an alert to the page that people read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.rules import alerts
from tests.support.servers import Server, alertmanager, pager, until

RULES = {alert.name: alert for alert in alerts()}


@dataclass
class Chain:
    """The two servers, and what tests say to them."""

    alertmanager: Server
    pager: Server

    def post(self, name: str, service: str, ended: bool = False) -> None:
        """Tell Alertmanager of an alert, with the labels of its rule, as Prometheus does."""
        now = datetime.now(UTC).isoformat()
        alert: dict[str, Any] = {
            "labels": {"alertname": name, **RULES[name].labels, "service": service},
            "annotations": {
                "summary": f"{service} suffers",
                "runbook_url": f"{self.pager.url}/runbooks/{name}",
            },
            "generatorURL": "http://127.0.0.1:9090/graph",
        }
        alert["endsAt" if ended else "startsAt"] = now
        httpx.post(f"{self.alertmanager.url}/api/v2/alerts", json=[alert]).raise_for_status()

    def incidents(self, name: str, service: str) -> list[dict[str, Any]]:
        """The pager's incidents of an alert and a service."""
        listed = httpx.get(f"{self.pager.url}/incidents").raise_for_status().json()["incidents"]
        return [one for one in listed if (one["alert"], one["service"]) == (name, service)]

    def metric(self, server: Server, name: str) -> float:
        """Sum of a metric's samples."""
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Alertmanager and the pager on free ports."""
    executable: Path = program("alertmanager")
    folder = tmp_path_factory.mktemp("chain")
    pager_port, alertmanager_port = free_ports(2)
    servers = Chain(
        alertmanager(executable, alertmanager_port, pager_port, folder),
        pager(pager_port, folder),
    )
    try:
        servers.pager.start()
        servers.alertmanager.start()
        yield servers
    finally:
        servers.alertmanager.stop()
        servers.pager.stop()


def test_cause_and_symptoms_from_firing_to_resolved(chain: Chain) -> None:
    """A cause arrives in 5 s and holds back the symptom of its service; another service's symptom arrives in 20 s."""
    chain.post("ServiceDown", "model")
    chain.post("ErrorRateCritical", "model")
    chain.post("ErrorRateCritical", "assistant")
    took = until("cause", lambda: chain.incidents("ServiceDown", "model"), 10)
    assert took > 3, "the cause did not wait for further instances"

    [incident] = chain.incidents("ServiceDown", "model")
    page = httpx.get(f"{chain.pager.url}/incidents/{incident['id']}").text
    assert "model suffers" in page
    assert httpx.get(incident["links"]["runbook"]).status_code == 200
    assert "ServiceDown" in httpx.get(chain.pager.url).text

    took = until("symptom", lambda: chain.incidents("ErrorRateCritical", "assistant"), 25)
    assert took > 10, "the symptom did not wait for a cause"
    assert chain.incidents("ErrorRateCritical", "model") == [], "the cause did not hold the symptom back"

    chain.post("ServiceDown", "model", ended=True)
    chain.post("ErrorRateCritical", "assistant", ended=True)
    for name, service in (("ServiceDown", "model"), ("ErrorRateCritical", "assistant")):
        until(f"{name} resolved", lambda: chain.incidents(name, service)[0]["status"] == "resolved", 15)  # noqa: B023
        assert [line["event"] for line in chain.incidents(name, service)[0]["timeline"]][-1] == "resolved"
    # The symptom outlives its cause: now it is told.
    until("symptom after its cause", lambda: chain.incidents("ErrorRateCritical", "model"), 35)
    chain.post("ErrorRateCritical", "model", ended=True)


def test_the_heartbeat_arrives_every_20_seconds(chain: Chain) -> None:
    chain.post("Watchdog", "prometheus")
    heartbeat = "pager_heartbeat_timestamp_seconds"
    until("first heartbeat", lambda: chain.metric(chain.pager, heartbeat) > 0, 5)
    first = chain.metric(chain.pager, heartbeat)
    until("second heartbeat", lambda: chain.metric(chain.pager, heartbeat) > first, 25)
    assert 15 <= chain.metric(chain.pager, heartbeat) - first <= 25
    assert chain.incidents("Watchdog", "prometheus") == []


def test_a_pager_that_was_down_is_told_after_its_return(chain: Chain) -> None:
    chain.pager.kill()
    chain.post("ServiceDown", "loki")
    failed = "alertmanager_notification_requests_failed_total"
    until("Alertmanager cannot reach it", lambda: chain.metric(chain.alertmanager, failed) > 0, 15)
    chain.pager.start()
    until("told after all", lambda: chain.incidents("ServiceDown", "loki"), 20)

    # Both are killed: neither the database nor Alertmanager's memory of what it has told makes a second incident.
    chain.pager.kill()
    chain.alertmanager.kill()
    chain.pager.start()
    chain.alertmanager.start()
    accepted = 'pager_notifications_total{channel="webhook"'
    chain.post("ServiceDown", "loki")
    until("told again", lambda: chain.metric(chain.pager, accepted) > 0, 15)
    [incident] = chain.incidents("ServiceDown", "loki")
    assert incident["status"] == "open"
