"""Short addresses: the newest incident of an alert, and the logs of a service."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.alerting.pager import Pager, notification

GRAFANA = "http://127.0.0.1:3000"
LINK = "/incidents/latest?alert=ErrorRateCritical&service=assistant"


def test_the_newest_incident_is_found(pager: Pager) -> None:
    pager.send(notification())
    pager.send(notification(resolved_at="2026-11-22T14:05:00Z"))
    pager.send(notification(lambda body: body["alerts"][0].update(startsAt="2026-11-22T14:10:00Z")))
    newest = max(incident["id"] for incident in pager.incidents())
    assert newest == 2
    answer = pager.client.get(LINK)
    assert (answer.status_code, answer.location) == (302, f"/incidents/{newest}")


def test_without_one_the_list_opens(pager: Pager) -> None:
    for link in (LINK, "/incidents/latest", "/incidents/latest?alert=%00&service=//elsewhere.example"):
        answer = pager.client.get(link)
        assert (answer.status_code, answer.location) == (302, "/")


def panes(pager: Pager, query: str) -> dict:
    answer = pager.client.get(f"/logs?{query}")
    assert answer.status_code == 302, answer.text
    address = urlsplit(answer.location)
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{GRAFANA}/explore"
    return json.loads(parse_qs(address.query)["panes"][0])["logs"]


def test_the_logs_of_a_service_open_around_a_time(pager: Pager) -> None:
    pane = panes(pager, "service=assistant&kind=audit&at=1795356000")
    (query,) = pane["queries"]
    assert query["expr"] == '{service_name="assistant", kind="audit"}'
    assert (pane["datasource"], query["datasource"]) == ("loki", {"type": "loki", "uid": "loki"})
    assert pane["range"] == {"from": "1795355400000", "to": "1795356600000"}


def test_filters_are_optional(pager: Pager) -> None:
    assert panes(pager, "at=5")["queries"][0]["expr"] == '{service_namespace="lab"}'
    query = "service=a&kind=error&error_type=KeyError"
    assert panes(pager, query)["queries"][0]["expr"] == '{service_name="a", kind="error"} | error_type="KeyError"'


def test_a_range_wins_over_a_time_and_without_both_it_is_now(pager: Pager) -> None:
    assert panes(pager, "service=a&at=5&from=1000&to=2000")["range"] == {"from": "1000", "to": "2000"}
    start, end = (int(value) for value in panes(pager, "service=a")["range"].values())
    assert end - start == 20 * 60 * 1000


def test_a_service_with_quotes_stays_one_label(pager: Pager) -> None:
    assert panes(pager, "service=a%22%7D%20or%20%7Bx%3D%22b")["queries"][0]["expr"] == (
        '{service_name="a\\"} or {x=\\"b"}'
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [("service=a&at=soon", "at"), ("service=a&kind=x", "kind"), ("service=a&from=-1", "from")],
)
def test_a_bad_query_is_refused_by_field(pager: Pager, query: str, field: str) -> None:
    answer = pager.client.get(f"/logs?{query}", headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
