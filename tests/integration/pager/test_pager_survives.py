"""The pager as a real process: killed amid an escalation, silences in a real Alertmanager, its dead man's switch."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.support.alerting.alert_chain import Chain
from tests.support.alerting.pager import ROTATION, notification
from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server, pager, until

ESCALATE = 6


def document(server: Server, number: int = 1) -> dict[str, Any]:
    """Return an incident as JSON."""
    answer = httpx.get(f"{server.url}/incidents/{number}", headers={"Accept": "application/json"})
    return dict(answer.raise_for_status().json())


def events(server: Server, number: int = 1) -> list[str]:
    return [line["event"] for line in document(server, number)["timeline"]]


def do(server: Server, action: str, method: str = "POST", **body: Any) -> httpx.Response:
    return httpx.request(method, f"{server.url}/incidents/1/{action}", json={"by": "Ada", **body})


def kill(server: Server) -> None:
    """SIGKILL for gunicorn and its worker at the same moment."""
    assert server._process is not None
    family = psutil.Process(server._process.pid)
    for process in [family, *family.children(recursive=True)]:
        process.kill()
    server.kill()


def one(folder: Path, **environment: str) -> Server:
    port, mail_port = free_ports(2)
    (folder / "rotation.yml").write_text(ROTATION)
    given = {
        "ROTATION_FILE": str(folder / "rotation.yml"),
        "SMTP_LISTEN": f"127.0.0.1:{mail_port}",
        # Not that of a lab that may run here.
        "ALERTMANAGER_URL": "http://127.0.0.1:9",
        **environment,
    }
    return pager(port, folder, ESCALATE_SECONDS=str(ESCALATE), **given)


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Server]:
    """A pager without an Alertmanager."""
    server = one(tmp_path)
    server.start()
    yield server
    server.stop()


def page(server: Server, body: dict[str, Any] | None = None) -> None:
    httpx.post(f"{server.url}/webhook/alertmanager", json=body or notification()).raise_for_status()


def test_killed_between_the_page_and_the_escalation_it_escalates_once(lone: Server) -> None:
    page(lone)
    assert document(lone)["responder"] == "Ada"
    kill(lone)
    due = time.time() + ESCALATE
    until("its time has passed", lambda: time.time() > due, ESCALATE + 2)
    lone.start()
    until("escalated after the restart", lambda: document(lone)["escalation_level"] == 1, 5)
    assert document(lone)["responder"] == "Ben"
    kill(lone)
    lone.start()
    # The third level has a time of its own, and comes once.
    until("third level", lambda: document(lone)["escalation_level"] == 2, ESCALATE + 5)
    seen = events(lone)
    assert seen.count("escalated") == 2
    assert seen.count("notified") == 1


def test_two_pagers_on_one_database_escalate_once(lone: Server, tmp_path: Path) -> None:
    """The old process may still end while the new one begins."""
    second = one(tmp_path)
    second.start()
    try:
        page(lone)
        until("second level", lambda: document(lone)["escalation_level"] == 1, ESCALATE + 5)
        until("third level", lambda: document(second)["escalation_level"] == 2, ESCALATE + 5)
        assert events(lone) == events(second) == ["fired", "notified", "escalated", "escalated"]
    finally:
        second.stop()


def test_killed_at_any_moment_a_notification_is_there_or_can_be_sent_again(lone: Server) -> None:
    """A notification answered with 200 is in the database; any other left no half incident."""
    for round_ in range(5):

        def fresh(body: dict[str, Any], number: int = round_) -> None:
            body["groupLabels"]["service"] = f"service-{number}"

        page(lone, notification(fresh))
        kill(lone)
        lone.start()
        page(lone, notification(fresh))
    listed = httpx.get(f"{lone.url}/incidents").json()["incidents"]
    assert sorted(incident["service"] for incident in listed) == [f"service-{number}" for number in range(5)]
    assert {tuple(line["event"] for line in incident["timeline"]) for incident in listed} <= {
        ("fired", "notified", "repeated"),
        ("fired", "notified", "escalated", "repeated"),
        ("fired", "notified", "escalated", "escalated", "repeated"),
        ("fired", "notified", "repeated", "escalated"),
    }


def watchdog(age: float = 0) -> dict[str, Any]:
    def change(body: dict[str, Any]) -> None:
        labels = {"alertname": "Watchdog", "service": "prometheus", "severity": "none"}
        body["groupLabels"] = {"alertname": "Watchdog", "service": "prometheus"}
        body["alerts"][0]["labels"] = labels
        body["alerts"][0]["annotations"]["evaluated_at"] = str(int(time.time() - age))

    return notification(change)


def test_the_dead_mans_switch_survives_a_restart(tmp_path: Path) -> None:
    server = one(tmp_path, WATCHDOG_SILENCE_SECONDS="4", WATCHDOG_GRACE_SECONDS="3")
    server.start()
    try:
        page(server, watchdog())
        listed = f"{server.url}/incidents"
        until("the missing heartbeat opens an incident", lambda: httpx.get(listed).json()["incidents"], 12)
        assert (document(server)["alert"], document(server)["severity"]) == ("Watchdog", "page")
        kill(server)
        server.start()
        assert document(server)["status"] == "open"
        page(server, watchdog(age=60))
        assert document(server)["status"] == "open", "an old Watchdog is no heartbeat"
        page(server, watchdog())
        assert document(server)["status"] == "resolved"
        assert len(httpx.get(listed).json()["incidents"]) == 1
    finally:
        server.stop()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """A real Alertmanager before the pager."""
    folder = tmp_path
    (folder / "rotation.yml").write_text(ROTATION)
    environment = {
        "ROTATION_FILE": str(folder / "rotation.yml"),
        "ESCALATE_SECONDS": str(ESCALATE),
        "STALE_ALERT_SECONDS": "3",
    }
    servers = Chain.on_free_ports(folder, environment=environment)
    servers.pager._environment["ALERTMANAGER_URL"] = servers.alertmanager.url
    servers.start()
    yield servers
    servers.stop()


def silences(chain: Chain) -> list[dict[str, Any]]:
    """The active silences of Alertmanager."""
    found = httpx.get(f"{chain.alertmanager.url}/api/v2/silences").raise_for_status().json()
    return [silence for silence in found if silence["status"]["state"] == "active"]


def states(chain: Chain) -> dict[str, str]:
    """The state of each alert in Alertmanager by its service."""
    found = httpx.get(f"{chain.alertmanager.url}/api/v2/alerts").raise_for_status().json()
    return {alert["labels"]["service"]: alert["status"]["state"] for alert in found}


def test_a_silence_is_alertmanagers_own_and_ends_there(chain: Chain) -> None:
    chain.post("ServiceDown", "model")
    until("paged", lambda: chain.incidents("ServiceDown", "model"), 15)
    chain.post("ServiceDown", "loki")
    until("paged for loki", lambda: chain.incidents("ServiceDown", "loki"), 15)

    answer = do(chain.pager, "silence", minutes=10, comment="we move it")
    assert answer.status_code == 200
    silence = answer.json()["silence"]
    [active] = silences(chain)
    assert (active["id"], active["createdBy"], active["comment"]) == (silence["id"], "Ada", "Incident 1: we move it")
    assert {(one["name"], one["value"], one["isEqual"], one["isRegex"]) for one in active["matchers"]} == {
        ("alertname", "ServiceDown", True, False),
        ("service", "model", True, False),
    }
    ends = datetime.fromisoformat(active["endsAt"]) - datetime.now(UTC)
    assert 590 < ends.total_seconds() <= 600
    until("inhibited", lambda: states(chain) == {"model": "suppressed", "loki": "active"}, 10)

    # The next level is not paged meanwhile; the incident of loki escalates.
    until("loki escalates", lambda: document(chain.pager, 2)["escalation_level"] == 1, ESCALATE + 5)
    escalation_due = datetime.fromisoformat(document(chain.pager)["notified_at"]).timestamp() + ESCALATE + 2
    until("its time has passed", lambda: time.time() > escalation_due, ESCALATE + 3)
    assert (document(chain.pager)["escalation_level"], document(chain.pager)["next_escalation_at"]) == (0, None)

    # Longer: still one silence.
    assert do(chain.pager, "silence", minutes=20).status_code == 200
    [longer] = silences(chain)
    assert (datetime.fromisoformat(longer["endsAt"]) - datetime.now(UTC)).total_seconds() > 1190
    assert document(chain.pager)["silence"]["id"] == longer["id"]

    assert do(chain.pager, "silence", method="DELETE").json()["silence"] is None
    assert silences(chain) == []
    assert events(chain.pager)[-3:] == ["silenced", "silenced", "unsilenced"]
    until("it escalates again", lambda: document(chain.pager)["escalation_level"] == 1, ESCALATE + 5)


def test_ended_in_alertmanager_a_silence_can_still_be_ended_here(chain: Chain) -> None:
    chain.post("ServiceDown", "model")
    until("paged", lambda: chain.incidents("ServiceDown", "model"), 15)
    number = do(chain.pager, "silence", minutes=10).json()["silence"]["id"]
    httpx.delete(f"{chain.alertmanager.url}/api/v2/silence/{number}").raise_for_status()
    answer = do(chain.pager, "silence", method="DELETE")
    assert (answer.status_code, answer.json()["silence"]) == (200, None)
    assert do(chain.pager, "silence", minutes=10).status_code == 200
    assert len(silences(chain)) == 1


def test_an_alert_that_ends_under_a_silence_does_not_stay_open_for_ever(chain: Chain) -> None:
    """Alertmanager sends no resolved notification for it."""
    chain.post("ServiceDown", "model")
    until("paged", lambda: chain.incidents("ServiceDown", "model"), 15)
    do(chain.pager, "silence", minutes=10)
    until("inhibited", lambda: states(chain) == {"model": "suppressed"}, 10)
    chain.post("ServiceDown", "model", ended=True)
    until("resolved", lambda: document(chain.pager)["status"] == "resolved", 30)
    assert "Alertmanager no longer has the alert" in document(chain.pager)["timeline"][-1]["text"]


def test_what_alertmanager_does_not_know_because_it_has_just_started_stays_open(chain: Chain) -> None:
    chain.post("ServiceDown", "model")
    until("paged", lambda: chain.incidents("ServiceDown", "model"), 15)
    chain.alertmanager.kill()
    chain.alertmanager.start()
    # As Prometheus does every 15 s.
    chain.post("ServiceDown", "model")
    started = time.time()
    until("two rounds of asking", lambda: time.time() > started + 12, 13)
    assert document(chain.pager)["status"] == "open"
