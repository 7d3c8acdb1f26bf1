"""What the webhook takes and what it refuses: malformed is a 4xx, and an alert is never lost for a strange field."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.pager import NEVER, Pager, notification

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


@pytest.mark.parametrize("moment", [NEVER, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_impossible_times_become_the_time_of_receipt(pager: Pager, moment: str) -> None:
    pager.send(notification(lambda body: body["alerts"][0].update(startsAt=moment)))
    [incident] = pager.incidents()
    assert incident["opened_at"] == incident["notified_at"]


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
