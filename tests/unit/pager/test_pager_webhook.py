"""What the webhook takes and what it refuses: malformed is a 4xx, and an alert is never lost for a strange field."""

import copy
import json
import sqlite3
import time
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.pager.incidents.alertmanager_client import AlertSnapshot
from services.pager.model.notification import FIRST_YEAR, parse_notification
from services.pager.model.tables import Incident
from tests.support.alerting.pager import NEVER, Pager, notification

# Every character, halves of surrogate pairs too; NUL more often than by chance.
_ANY = st.characters(exclude_categories=()) | st.sampled_from('\0\ud800\udfff\\u"')
URL = "/webhook/alertmanager"
JSON = "application/json"


def raw(pager: Pager, data: bytes, content_type: str = JSON) -> Any:
    return pager.client.post(URL, data=data, content_type=content_type)


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"", JSON, 400),
        (b"{", JSON, 400),
        (b'{"version": "\xff"}', JSON, 400),
        (b"[]", JSON, 422),
        (b"{}", JSON, 422),
        (json.dumps(notification()).encode(), "text/plain", 415),
        (b" " * (1024 * 1024), JSON, 413),
    ],
    ids=["empty", "cut off", "broken UTF-8", "list", "nothing in it", "not JSON", "1 MiB"],
)
def test_malformed_is_a_problem_document(pager: Pager, data: bytes, content_type: str, status: int) -> None:
    answer = raw(pager, data, content_type)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"]
    assert pager.metric('pager_notifications_total{channel="webhook",result="refused"}') == 1
    assert pager.incidents() == []


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {"Host": "evil.example:5003"}])
def test_what_a_hook_of_all_routes_refuses_is_counted_too(pager: Pager, headers: dict[str, str]) -> None:
    answer = pager.client.post(URL, json=notification(), headers=headers)
    assert answer.status_code in (400, 415)
    assert answer.headers["Connection"] == "close"
    assert pager.metric('pager_notifications_total{channel="webhook",result="refused"}') == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "3"),
        ("status", "pending"),
        ("alerts", []),
        ("alerts", [{}]),
        ("alerts", [notification()["alerts"][0]] * 501),
        ("groupLabels", {"alertname": 7}),
        ("groupKey", ""),
    ],
)
def test_a_wrong_field_is_named(pager: Pager, field: str, value: object) -> None:
    answer = pager.client.post(URL, json=notification(lambda body: body.update({field: value})))
    # 501 alerts are also more than the limit of bytes; either is a refusal that says why.
    assert answer.status_code in (413, 422)
    assert answer.status_code == 413 or field in answer.text


def test_unknown_fields_are_let_pass(pager: Pager) -> None:
    def newer(body: dict[str, Any]) -> None:
        body["notificationReason"] = "first"
        body["alerts"][0]["silenceURL"] = "http://127.0.0.1"

    assert pager.send(notification(newer))["outcome"] == "opened"


def test_what_no_database_stores_is_replaced_and_the_alert_is_kept(pager: Pager) -> None:
    def broken(body: dict[str, Any]) -> None:
        alert = body["alerts"][0]
        alert["labels"].update({"a\0b": "c\0d", "pod": "\ud800e\ude00😀"})
        alert["annotations"].update(summary="50%\0 failed\ud83d", description="\0")

    answer = raw(pager, json.dumps(notification(broken)).encode())
    assert (answer.status_code, answer.json["outcome"]) == (200, "opened")
    incident = pager.incident()
    assert (incident["summary"], incident["description"]) == ("50%� failed�", "�")
    with pager.parts.database.read() as session:
        [alert] = session.scalars(select(Incident)).one().alerts.values()
    assert (alert["labels"]["a�b"], alert["labels"]["pod"]) == ("c�d", "�e�😀")
    assert pager.client.get("/incidents/1").status_code == 200


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    label=st.text(_ANY, min_size=1, max_size=40),
    value=st.text(_ANY, min_size=1, max_size=60),
    summary=st.text(_ANY, min_size=1, max_size=60),
    escaped=st.booleans(),
)
def test_every_text_of_a_notification_is_stored(
    pager: Pager, label: str, value: str, summary: str, escaped: bool
) -> None:
    """Each character is stored as it is, or is U+FFFD where no database stores it."""

    def texts(body: dict[str, Any]) -> None:
        body["groupLabels"] = {"alertname": value, "service": uuid.uuid4().hex}
        body["alerts"][0]["labels"] = {label: value}
        body["alerts"][0]["annotations"] = {"summary": summary}

    body = json.dumps(notification(texts), ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    answer = raw(pager, body)
    assert answer.status_code == 200
    incident = pager.incident(answer.json["incident"])
    with pager.parts.database.read() as session:
        [alert] = session.get_one(Incident, incident["id"]).alerts.values()
    assert (incident["alert"], incident["summary"]) == (_stored(value), _stored(summary))
    assert alert["labels"] == {_stored(label): _stored(value)}


def _stored(text: str) -> str:
    return "".join("�" if sign == "\0" or "\ud800" <= sign <= "\udfff" else sign for sign in text)


def test_twenty_alerts_with_all_their_links_fit(pager: Pager) -> None:
    def many(body: dict[str, Any]) -> None:
        alert = body["alerts"][0]
        alert["annotations"].update(dict.fromkeys(("summary", "description", "logs_url"), "x" * 1500))
        body["alerts"] = [{**alert, "fingerprint": f"{number}"} for number in range(20)]
        body["truncatedAlerts"] = 480

    assert pager.send(notification(many))["outcome"] == "opened"
    assert "500 alerts" in pager.incidents()[0]["timeline"][1]["text"]


def test_too_much_text_is_cut_and_the_alert_kept(pager: Pager) -> None:
    pager.send(notification(lambda body: body["alerts"][0]["annotations"].update(summary="y" * 100_000)))
    assert len(pager.incidents()[0]["summary"]) == 2000


@pytest.mark.parametrize("labels", [{}, {"severity": "catastrophic"}])
def test_an_alert_without_the_usual_labels_is_kept_as_a_ticket(pager: Pager, labels: dict[str, str]) -> None:
    def strange(body: dict[str, Any]) -> None:
        body["groupLabels"] = {}
        body["alerts"][0]["labels"] = labels

    pager.send(notification(strange))
    [incident] = pager.incidents()
    assert (incident["alert"], incident["severity"], incident["service"]) == ("unnamed", "ticket", "unnamed")


@pytest.mark.parametrize(
    "moment",
    [
        NEVER,
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "1970-01-01T00:00:00Z",
        "2001-01-01T00:00:00Z",
        "2090-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "12026-01-01T00:00:00Z",
        "-0044-03-15T00:00:00Z",
        None,
    ],
)
def test_impossible_times_become_the_time_of_receipt_and_a_log_line(pager: Pager, moment: str | None) -> None:
    before = datetime.now(UTC)
    pager.send(notification(lambda body: body["alerts"][0].update(startsAt=moment)))
    [incident] = pager.incidents()
    assert incident["opened_at"] == incident["notified_at"]
    assert before - timedelta(seconds=1) <= datetime.fromisoformat(str(incident["opened_at"])) <= datetime.now(UTC)
    [line] = [line for line in pager.lines() if line["event"] == "notification.times_replaced"]
    assert line["level"] == "warning"
    assert "ErrorRateCritical of assistant has 1 impossible time; the time of arrival is used" in line["message"]


def test_an_impossible_end_is_the_time_of_receipt(pager: Pager) -> None:
    pager.send(notification())
    pager.send(notification(resolved_at="2090-01-01T00:00:00Z"))
    [incident] = pager.incidents()
    ended = datetime.fromisoformat(str(incident["resolved_at"]))
    assert abs(datetime.now(UTC) - ended) < timedelta(seconds=10)
    assert "notification.times_replaced" in [line["event"] for line in pager.lines()]


def test_possible_times_are_kept_without_a_log_line(pager: Pager) -> None:
    ahead = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    pager.send(notification())
    pager.send(notification(resolved_at=ahead))
    [incident] = pager.incidents()
    assert incident["opened_at"] == "2026-11-22T14:00:00.123Z"
    assert str(incident["resolved_at"]) < ahead
    assert "notification.times_replaced" not in [line["event"] for line in pager.lines()]


@pytest.mark.parametrize("evaluated", ["3786912000", "0", "-1", "nan", "1e300", "soon"])
def test_a_heartbeat_with_an_impossible_time_counts_by_its_arrival(pager: Pager, evaluated: str) -> None:
    def heartbeat(body: dict[str, Any]) -> None:
        body["groupLabels"] = {"alertname": "Watchdog"}
        body["alerts"][0]["labels"] = {"alertname": "Watchdog", "severity": "none"}
        body["alerts"][0]["annotations"] = {"evaluated_at": evaluated}

    before = time.time()
    assert pager.send(notification(heartbeat))["outcome"] == "heartbeat"
    assert before <= pager.metric("pager_heartbeat_timestamp_seconds") <= time.time()


@settings(max_examples=100, deadline=None)
@given(start=st.datetimes(timezones=st.timezones()), end=st.datetimes(timezones=st.timezones()))
def test_no_time_of_a_notification_is_impossible(start: datetime, end: datetime) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)

    def timed(body: dict[str, Any]) -> None:
        body["alerts"][0].update(startsAt=_rfc3339(start))

    [alert] = parse_notification(notification(timed, resolved_at=_rfc3339(end)), now).alerts
    assert alert.ended_at is not None
    assert alert.started_at.year >= FIRST_YEAR - 1
    assert alert.started_at <= alert.ended_at <= now
    assert alert.started_at in (now, datetime.fromisoformat(_rfc3339(start)))


def _rfc3339(moment: datetime) -> str:
    """The time with whole minutes of offset, as senders write it."""
    offset = moment.utcoffset() or timedelta()
    return moment.replace(tzinfo=timezone(timedelta(minutes=offset // timedelta(minutes=1)))).isoformat()


# As Grafana 12 sends it (https://grafana.com/docs/grafana/latest/alerting/).
GRAFANA: dict[str, Any] = {
    "receiver": "pager",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "High memory usage", "service": "model", "zone": "us-1", "severity": "page"},
            "annotations": {"summary": "The model uses 90% of its memory", "description": "It is restarted at 100%."},
            "startsAt": "2026-11-22T15:00:00.157076+02:00",
            "endsAt": NEVER,
            "generatorURL": "https://grafana.example/alerting/grafana/1afz29v7z/view?orgId=1",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://grafana.example/alerting/silence/new",
            "dashboardURL": "https://grafana.example/d/model?orgId=1",
            "panelURL": "https://grafana.example/d/model?orgId=1&viewPanel=2",
            "values": {"B": 44.23943737541908, "C": 1},
            "valueString": "[ var='B' value=44.2 ]",
        }
    ],
    "groupLabels": {"alertname": "High memory usage", "grafana_folder": "models"},
    "commonLabels": {"service": "model"},
    "commonAnnotations": {},
    "externalURL": "https://grafana.example/",
    "version": "1",
    "groupKey": '{}/{__grafana_autogenerated__="true"}:{alertname="High memory usage"}',
    "truncatedAlerts": 0,
    "title": "[FIRING:1] High memory usage",
    "state": "alerting",
    "message": "**Firing**",
}


def test_grafana_is_a_sender_like_alertmanager(pager: Pager) -> None:
    assert pager.send(GRAFANA)["outcome"] == "opened"
    incident = pager.incident()
    assert (incident["alert"], incident["service"], incident["severity"]) == ("High memory usage", "model", "page")
    assert incident["summary"] == "The model uses 90% of its memory"
    assert incident["opened_at"] == "2026-11-22T13:00:00.157Z"
    assert incident["links"] == {
        "dashboard": "https://grafana.example/d/model?orgId=1",
        "grafana": "https://grafana.example/alerting/grafana/1afz29v7z/view?orgId=1",
    }
    assert "Notification received from Grafana (webhook)" in incident["timeline"][1]["text"]
    assert "Alert in Grafana" in pager.client.get("/incidents/1").text

    resolved = copy.deepcopy(GRAFANA)
    resolved["status"] = resolved["alerts"][0]["status"] = "resolved"
    resolved["alerts"][0].update(endsAt="2026-11-22T14:03:20Z", values=None)
    assert pager.send(resolved) == {"incident": 1, "outcome": "resolved"}
    assert pager.metric('pager_notifications_total{channel="webhook",result="accepted"}') == 2


def test_alertmanager_that_lacks_an_alert_of_grafana_does_not_resolve_it(
    pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = AlertSnapshot(datetime(2026, 1, 1, tzinfo=UTC), frozenset())
    monkeypatch.setattr(pager.parts.alertmanager, "active_alerts", lambda: empty)
    pager.send(GRAFANA)
    pager.send(notification())
    pager.tick(10)
    pager.tick(1000)
    assert {one["service"]: one["status"] for one in pager.incidents()} == {"model": "open", "assistant": "resolved"}


def test_an_empty_map_of_go_may_be_null(pager: Pager) -> None:
    def empty(body: dict[str, Any]) -> None:
        body["groupLabels"] = body["alerts"][0]["annotations"] = None

    assert pager.send({**copy.deepcopy(GRAFANA), **notification(empty), "version": "1"})["outcome"] == "opened"


@pytest.mark.parametrize("version", [{"version": "3"}, {"version": ""}, {"ruleName": "Grafana 7", "state": "alerting"}])
def test_another_sender_is_refused_with_the_supported_ones(pager: Pager, version: dict[str, str]) -> None:
    body = notification()
    del body["version"]
    answer = pager.client.post(URL, json={**body, **version})
    assert answer.status_code == 422
    assert answer.json["errors"] == [
        {
            "field": "version",
            "message": "not supported; the pager receives Alertmanager's webhook (version 4) "
            "and Grafana alerting's (version 1)",
        }
    ]


def test_a_broken_database_is_a_5xx_so_that_alertmanager_sends_again(pager: Pager, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "pager.db") as connection:
        connection.execute("DROP TABLE incidents")
    assert pager.client.post(URL, json=notification()).status_code == 500
    assert pager.client.get("/ready").status_code == 503
    assert pager.client.get("/health").status_code == 200


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    field=st.sampled_from(sorted(notification())),
    alert_field=st.sampled_from(sorted(notification()["alerts"][0])),
    value=_JSON,
)
def test_no_body_is_a_server_error(pager: Pager, field: str, alert_field: str, value: Any) -> None:
    for body in (
        notification(lambda body: body.update({field: value})),
        notification(lambda body: body["alerts"][0].update({alert_field: value})),
    ):
        assert pager.client.post(URL, json=body).status_code in (200, 400, 422)
