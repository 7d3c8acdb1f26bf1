"""The dead man's switch: an alarm when the Watchdog is silent, and never a false one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.pager.model.notification import parse_notification
from tests.support.alerting.pager import Pager, notification

LINKS = {"runbook": "http://127.0.0.1:5003/runbooks/Watchdog"}


class Beats:
    """A pager whose clocks the test holds: seconds since its start, and the time of day next to them."""

    def __init__(self, pager: Pager) -> None:
        self.pager = pager
        self.seconds = 1000.0
        self.shift = timedelta()
        self.start(120)

    def start(self, grace: float) -> None:
        """Start it (again), now."""
        self.pager.start(watchdog_silence_seconds=60, watchdog_grace_seconds=grace)
        switch = self.pager.parts.deadman
        switch._monotonic = lambda: self.seconds
        switch._started = self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, tzinfo=UTC) + timedelta(seconds=self.seconds) + self.shift

    def receive(self, age: float = 0, evaluated_at: datetime | None = None) -> datetime:
        """A Watchdog arrives that Prometheus evaluated so long ago."""
        evaluated_at = evaluated_at or self.now() - timedelta(seconds=age)
        body = notification(watchdog(str(int(evaluated_at.timestamp()))))
        self.pager.parts.store.receive(parse_notification(body, self.now()))
        return evaluated_at

    def wait(self, seconds: float) -> None:
        """Time goes by; the switch is looked at each second, everything else at the end."""
        for _ in range(int(seconds)):
            self.seconds += 1
            self.pager.parts.deadman(self.now())
        self.pager.parts.scheduler.tick(self.now())

    def alarms(self) -> list[dict[str, Any]]:
        return [one for one in self.pager.incidents() if one["alert"] == "Watchdog"]


def watchdog(evaluated_at: str | None) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        labels = {"alertname": "Watchdog", "service": "prometheus", "severity": "none"}
        body["groupLabels"] = {"alertname": "Watchdog", "service": "prometheus"}
        body["alerts"][0]["labels"] = labels
        body["alerts"][0]["annotations"] = {"runbook_url": LINKS["runbook"]}
        if evaluated_at is not None:
            body["alerts"][0]["annotations"]["evaluated_at"] = evaluated_at

    return change


@pytest.fixture
def beats(pager: Pager) -> Beats:
    return Beats(pager)


def test_silence_opens_an_incident_and_a_fresh_watchdog_closes_it(beats: Beats) -> None:
    for _ in range(10):
        beats.receive()
        beats.wait(20)
    assert beats.alarms() == []
    beats.wait(39)
    assert beats.alarms() == []
    beats.wait(3)
    [alarm] = beats.alarms()
    assert (alarm["severity"], alarm["service"], alarm["status"]) == ("page", "prometheus", "open")
    assert (alarm["responder"], alarm["links"]) == ("Ada", {**LINKS, "prometheus": alarm["links"]["prometheus"]})
    assert "No heartbeat for 61 s" in alarm["summary"]
    assert alarm["next_escalation_at"] is not None
    beats.wait(150)
    assert len(beats.alarms()) == 1
    beats.receive()
    [alarm] = beats.alarms()
    assert alarm["status"] == "resolved"
    assert [line["event"] for line in alarm["timeline"]] == ["fired", "notified", "escalated", "resolved"]
    assert alarm["timeline"][-1]["text"].startswith("Heartbeat received again, after ")


def test_an_old_watchdog_that_is_repeated_is_no_sign_of_life(beats: Beats) -> None:
    """Prometheus has stopped; Alertmanager says its last word every 20 s until that has run out."""
    beats.wait(200)
    last = beats.receive()
    beats.wait(20)
    beats.receive(evaluated_at=last)
    beats.wait(20)
    beats.receive(evaluated_at=last)
    beats.wait(22)
    assert len(beats.alarms()) == 1
    beats.receive(evaluated_at=last)
    assert beats.alarms()[0]["status"] == "open"
    assert beats.pager.metric("pager_heartbeat_timestamp_seconds") == last.timestamp()


def test_of_two_that_overtook_each_other_the_newer_one_counts(beats: Beats) -> None:
    beats.wait(200)
    beats.receive(age=1)
    received = beats.pager.metric("pager_heartbeat_timestamp_seconds")
    beats.receive(age=15)
    assert beats.pager.metric("pager_heartbeat_timestamp_seconds") == received
    beats.wait(55)
    assert beats.alarms() == []


def test_without_the_annotation_the_receipt_counts(beats: Beats) -> None:
    beats.wait(200)
    beats.pager.send(notification(watchdog(None)))
    assert beats.pager.metric("pager_heartbeat_timestamp_seconds") > 0
    beats.wait(58)
    assert beats.alarms() == []
    beats.wait(5)
    assert len(beats.alarms()) == 1


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-1e30", "1e400"])
def test_a_strange_annotation_is_as_good_as_none(beats: Beats, text: str) -> None:
    beats.wait(200)
    beats.pager.send(notification(watchdog(text)))
    assert beats.pager.metric("pager_heartbeat_timestamp_seconds") > 0


def test_a_lab_without_prometheus_is_no_alarm(beats: Beats) -> None:
    beats.wait(1000)
    assert beats.alarms() == []


def test_another_alert_without_severity_is_no_sign_of_life(beats: Beats) -> None:
    beats.wait(200)
    beats.receive()

    def other(body: dict[str, Any]) -> None:
        body["groupLabels"] = {"alertname": "Info", "service": "x"}
        body["alerts"][0]["labels"] = {"alertname": "Info", "severity": "none"}

    beats.wait(55)
    beats.pager.send(notification(other))
    beats.wait(10)
    assert len(beats.alarms()) == 1


def test_a_pager_that_has_just_started_gives_the_others_time(beats: Beats) -> None:
    """Yesterday's heartbeat is in the database; Prometheus starts more slowly than the pager."""
    beats.receive()
    beats.seconds += 86_400
    beats.start(120)
    beats.wait(118)
    assert beats.alarms() == []
    beats.receive()
    beats.wait(50)
    assert beats.alarms() == []


def test_a_pager_that_has_just_started_minds_the_silence_after_a_while(beats: Beats) -> None:
    beats.receive()
    beats.start(120)
    beats.wait(122)
    [alarm] = beats.alarms()
    assert "No heartbeat for 12" in alarm["summary"]


def test_an_alarm_survives_a_restart_and_is_not_raised_twice(beats: Beats) -> None:
    beats.wait(200)
    beats.receive()
    beats.wait(70)
    beats.start(120)
    beats.wait(300)
    [alarm] = beats.alarms()
    assert alarm["status"] == "open"
    beats.receive()
    assert [alarm["status"] for alarm in beats.alarms()] == ["resolved"]


def test_closed_by_hand_in_the_silence_it_opens_again(beats: Beats) -> None:
    beats.wait(200)
    beats.receive()
    beats.wait(70)
    beats.pager.act("resolve", by="Ada")
    beats.wait(2)
    [alarm] = beats.alarms()
    assert alarm["status"] == "open"
    assert "reopened" in [line["event"] for line in alarm["timeline"]]


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_jumps_neither_raises_an_alarm_nor_hides_one(beats: Beats, hours: int) -> None:
    beats.wait(200)
    beats.receive()
    beats.wait(20)
    last = beats.receive()
    beats.shift = timedelta(hours=hours)
    beats.wait(20)
    assert beats.alarms() == []
    for _ in range(5):
        last = beats.receive()
        beats.wait(20)
    assert beats.alarms() == []
    # Prometheus stops; its last word is repeated.
    beats.receive(evaluated_at=last)
    beats.wait(45)
    assert len(beats.alarms()) == 1
