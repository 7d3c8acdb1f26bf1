"""What notifications do to incidents."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.alerting.pager import Pager, notification

NODE_2 = {"alertname": "ErrorRateCritical", "service": "assistant", "severity": "page", "job": "assistant-2"}


def second_instance(body: dict) -> None:
    body["alerts"].append({**body["alerts"][0], "labels": NODE_2, "fingerprint": "second"})


def events(pager: Pager) -> list[str]:
    [incident] = pager.incidents()
    return [line["event"] for line in incident["timeline"]]


def test_a_firing_notification_opens_an_incident_with_its_times_and_links(pager: Pager) -> None:
    assert pager.send(notification()) == {"incident": 1, "outcome": "opened"}
    [incident] = pager.incidents()
    assert incident["status"] == "open"
    assert (incident["alert"], incident["severity"], incident["service"]) == ("ErrorRateCritical", "page", "assistant")
    assert incident["opened_at"] == "2026-11-22T14:00:00.123Z"
    assert incident["resolved_at"] is None
    assert set(incident["links"]) == {"runbook", "dashboard", "logs", "prometheus"}
    fired, notified = incident["timeline"]
    assert fired == {
        "at": "2026-11-22T14:00:00.123Z",
        "event": "fired",
        "text": "50% of the requests to assistant failed in the last minute (threshold 10%)",
    }
    assert notified["event"] == "notified"
    assert notified["at"] == incident["notified_at"] > incident["opened_at"]
    assert "receiver application, 1 alert" in notified["text"]


def test_the_same_group_never_has_two_open_incidents(pager: Pager) -> None:
    pager.send(notification())
    assert pager.send(notification())["outcome"] == "repeated"
    assert events(pager) == ["fired", "notified", "repeated"]
    assert pager.metric('pager_notifications_total{channel="webhook",result="repeated"}') == 1


def test_twenty_notices_at_once_open_one_incident(pager: Pager) -> None:
    def send(_: int) -> str:
        return pager.app.test_client().post("/webhook/alertmanager", json=notification()).json["outcome"]

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(send, range(20)))
    assert sorted(outcomes) == ["opened"] + ["repeated"] * 19
    assert len(pager.incidents()) == 1


def test_a_change_of_routes_does_not_make_a_second_incident(pager: Pager) -> None:
    pager.send(notification())
    pager.send(notification(lambda body: body.update(groupKey="{}/{other}:{}", receiver="platform")))
    assert len(pager.incidents()) == 1


def test_another_service_is_another_incident(pager: Pager) -> None:
    pager.send(notification())
    pager.send(notification(lambda body: body["groupLabels"].update(service="model")))
    assert [incident["service"] for incident in pager.incidents()] == ["model", "assistant"]


def test_resolved_closes_it_at_the_time_the_alert_ended(pager: Pager) -> None:
    pager.send(notification())
    assert pager.send(notification(resolved_at="2026-11-22T14:03:20.123Z"))["outcome"] == "resolved"
    [incident] = pager.incidents()
    assert (incident["status"], incident["resolved_at"]) == ("resolved", "2026-11-22T14:03:20.123Z")
    resolved = next(line for line in incident["timeline"] if line["event"] == "resolved")
    assert resolved["text"] == "All alerts of the group resolved, after 200 s"


def test_firing_again_later_is_a_new_incident(pager: Pager) -> None:
    pager.send(notification())
    pager.send(notification(resolved_at="2026-11-22T14:03:20Z"))
    again = pager.send(notification(lambda body: body["alerts"][0].update(startsAt="2026-11-22T14:10:00Z")))
    assert again == {"incident": 2, "outcome": "opened"}


def test_the_same_alert_firing_since_before_reopens_its_incident(pager: Pager) -> None:
    """Alertmanager takes an alert for over when Prometheus was away; it fires on with its old start."""
    pager.send(notification())
    pager.send(notification(resolved_at="2026-11-22T14:03:20Z"))
    assert pager.send(notification()) == {"incident": 1, "outcome": "reopened"}
    [incident] = pager.incidents()
    assert incident["status"] == "open"


def test_resolved_without_an_incident_is_ignored(pager: Pager) -> None:
    assert pager.send(notification(resolved_at="2026-11-22T14:03:20Z")) == {"incident": None, "outcome": "ignored"}
    assert pager.incidents() == []


def test_a_resolved_that_was_overtaken_does_not_close_the_newer_incident(pager: Pager) -> None:
    pager.send(notification(lambda body: body["alerts"][0].update(startsAt="2026-11-22T14:10:00Z")))
    assert pager.send(notification(resolved_at="2026-11-22T14:03:20Z"))["outcome"] == "ignored"
    [incident] = pager.incidents()
    assert incident["status"] == "open"


def test_alerts_that_fire_and_resolve_are_in_the_timeline(pager: Pager) -> None:
    pager.send(notification())
    assert pager.send(notification(second_instance))["outcome"] == "updated"

    def second_recovers(body: dict) -> None:
        second_instance(body)
        body["alerts"][1].update(status="resolved", endsAt="2026-11-22T14:02:00Z")

    assert pager.send(notification(second_recovers))["outcome"] == "updated"
    [incident] = pager.incidents()
    assert incident["status"] == "open"
    reported = [line["text"] for line in incident["timeline"] if line["event"] in ("fired", "recovered")]
    assert reported[1:] == ["Also: job assistant-2", "job assistant-2"]


def test_a_restart_forgets_nothing(pager: Pager) -> None:
    pager.send(notification())
    before = pager.incidents()
    pager.start()
    assert pager.incidents() == before
    assert pager.metric('pager_incidents_open{severity="page"}') == 1
    pager.send(notification(resolved_at="2026-11-22T14:03:20Z"))
    assert [incident["status"] for incident in pager.incidents()] == ["resolved"]
    assert pager.metric('pager_incidents_open{severity="page"}') == 0


def test_the_watchdog_is_a_heartbeat_and_no_incident(pager: Pager) -> None:
    def watchdog(body: dict) -> None:
        body["groupLabels"] = {"alertname": "Watchdog", "service": "prometheus"}
        body["alerts"][0]["labels"] = {"alertname": "Watchdog", "service": "prometheus", "severity": "none"}

    assert pager.metric("pager_heartbeat_timestamp_seconds") == 0
    assert pager.send(notification(watchdog)) == {"incident": None, "outcome": "heartbeat"}
    assert pager.incidents() == []
    received = pager.metric("pager_heartbeat_timestamp_seconds")
    assert received > 0
    pager.start()
    assert pager.metric("pager_heartbeat_timestamp_seconds") == received


def test_repetitions_are_bounded_and_the_end_is_still_reported(pager: Pager) -> None:
    for _ in range(30):
        pager.send(notification())
    pager.send(notification(resolved_at="2026-11-22T14:03:20Z"))
    seen = events(pager)
    assert seen.count("repeated") == 20
    assert seen.count("resolved") == 1
    assert pager.incidents()[0]["notifications"] == 31


def test_opening_and_resolving_are_logged(pager: Pager) -> None:
    pager.send(notification())
    pager.send(notification())
    pager.send(notification(resolved_at="2026-11-22T14:03:20Z"))
    reported = [line for line in pager.lines() if line["event"].startswith("incident.")]
    assert [(line["event"], line["kind"], line["level"]) for line in reported] == [
        ("incident.opened", "application", "warning"),
        ("incident.resolved", "application", "info"),
    ]
    assert reported[0]["alert"] == "ErrorRateCritical"
    assert reported[0]["incident_id"] == 1
