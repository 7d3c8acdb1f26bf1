"""What people do with an incident over the API, and who is refused."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.pager.model.tables import Incident
from services.pager.model.timeline import add_entry
from tests.support.alerting.pager import Pager, notification
from tests.support.names import NAMES
from tests.support.servers.ports import free_ports

ACTIONS = {
    "acknowledge": {"by": "Ada"},
    "escalate": {"by": "Ada", "reason": "I am on a train"},
    "comments": {"by": "Ada", "text": "The model is slow"},
    "silence": {"by": "Ada", "minutes": 5, "comment": "known"},
    "resolve": {"by": "Ada", "text": "restarted it"},
}
RESOLVED_AT = "2026-11-22T14:03:20Z"


def test_acknowledging_stops_the_escalation_and_names_who_has_it(pager: Pager) -> None:
    pager.send(notification())
    assert pager.incident()["next_escalation_at"] is not None
    answer = pager.act("acknowledge", by="  Ada ")
    assert answer.status_code == 200
    assert answer.json == pager.incident()
    incident = pager.incident()
    assert (incident["acknowledged_by"], incident["responder"], incident["next_escalation_at"]) == ("Ada", "Ada", None)
    assert incident["acknowledged_at"] >= incident["notified_at"]
    line = incident["timeline"][-1]
    assert (line["event"], line["by"], line["at"]) == ("acknowledged", "Ada", incident["acknowledged_at"])
    assert pager.metric('pager_time_to_acknowledge_seconds_count{severity="page"}') == 1
    pager.tick(100_000)
    assert "escalated" not in pager.events()


def test_of_two_people_at_once_one_wins_and_the_other_is_reported_who(pager: Pager) -> None:
    pager.send(notification())
    people = [f"person {number}" for number in range(8)]

    def acknowledge(by: str) -> Any:
        return pager.app.test_client().post("/incidents/1/acknowledge", json={"by": by})

    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(people, pool.map(acknowledge, people), strict=True))
    [winner] = [by for by, answer in answers.items() if answer.status_code == 200]
    assert pager.incident()["acknowledged_by"] == winner
    for by, answer in answers.items():
        if by != winner:
            assert answer.status_code == 409
            assert answer.content_type == "application/problem+json"
            assert answer.json["acknowledged_by"] == winner
            assert winner in answer.json["detail"]
    assert pager.events().count("acknowledged") == 1
    assert pager.metric('pager_time_to_acknowledge_seconds_count{severity="page"}') == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_script_signs_and_is_kept(pager: Pager, name: str) -> None:
    pager.send(notification())
    assert pager.act("acknowledge", by=name).status_code == 200
    assert pager.incident()["acknowledged_by"] == name
    assert pager.act("comments", by=name, text=f"{name}\n\x1b\u202e").status_code == 201
    [line] = [line for line in pager.incident()["timeline"] if line["event"] == "commented"]
    assert (line["by"], line["text"]) == (name, name)
    assert name in pager.client.get("/incidents/1").text.replace("&#39;", "'")


def test_a_comment_of_control_characters_alone_is_empty(pager: Pager) -> None:
    pager.send(notification())
    assert pager.act("comments", by="Ada", text="\x1b\u202e").status_code == 422


def test_a_second_click_of_the_same_person_changes_nothing(pager: Pager) -> None:
    pager.send(notification())
    first = pager.act("acknowledge", by="Ada").json
    again = pager.act("acknowledge", by="Ada")
    assert (again.status_code, again.json) == (200, first)


def test_escalating_by_hand_pages_the_next_level_and_it_has_to_be_taken_again(pager: Pager) -> None:
    pager.send(notification())
    pager.act("acknowledge", by="Ada")
    incident = pager.act("escalate", by="Ada", reason="I am on a train").json
    assert incident is not None
    assert (incident["escalation_level"], incident["responder"], incident["acknowledged_by"]) == (1, "Ben", None)
    assert incident["next_escalation_at"] is not None
    line = incident["timeline"][-1]
    assert (line["event"], line["by"], line["text"]) == (
        "escalated",
        "Ada",
        "I am on a train: paged Ben (level 2, second)",
    )
    pager.act("acknowledge", by="Ben")
    assert pager.metric('pager_time_to_acknowledge_seconds_count{severity="page"}') == 1, "only the first is measured"
    assert pager.act("escalate", by="Ben").status_code == 200
    refused = pager.act("escalate", by="Ben")
    assert refused.status_code == 409
    assert "Cleo" in refused.json["detail"]
    assert pager.metric('pager_escalations_total{severity="page"}') == 2


def test_a_comment_is_in_the_timeline_also_after_the_end(pager: Pager) -> None:
    pager.send(notification())
    pager.send(notification(resolved_at=RESOLVED_AT))
    answer = pager.act("comments", by="Ada", text="What we learned: <b>nothing</b>")
    assert answer.status_code == 201
    line = next(line for line in pager.incident()["timeline"] if line["event"] == "commented")
    assert (line["by"], line["text"]) == ("Ada", "What we learned: <b>nothing</b>")


def test_what_is_resolved_by_hand_opens_again_when_it_fires_still(pager: Pager) -> None:
    pager.send(notification())
    pager.act("acknowledge", by="Ada")
    incident = pager.act("resolve", by="Ada", text="restarted it").json
    assert incident is not None
    assert (incident["status"], incident["resolved_by"], incident["next_escalation_at"]) == ("resolved", "Ada", None)
    assert incident["timeline"][-1]["text"].endswith("restarted it")
    assert pager.metric('pager_time_to_resolve_seconds_count{severity="page"}') == 1
    assert pager.metric('pager_incidents_open{severity="page"}') == 0

    assert pager.send(notification()) == {"incident": 1, "outcome": "reopened"}
    incident = pager.incident()
    assert (incident["status"], incident["resolved_by"]) == ("open", None)
    assert (incident["acknowledged_by"], incident["responder"]) == (None, "Ada"), "a person has to look again"
    assert incident["next_escalation_at"] is not None
    assert pager.metric('pager_incidents_total{severity="page"}') == 1


@pytest.mark.parametrize("action", ["acknowledge", "escalate", "silence", "resolve"])
def test_nothing_is_left_to_do_with_a_resolved_one(pager: Pager, action: str) -> None:
    pager.send(notification())
    pager.send(notification(resolved_at=RESOLVED_AT))
    answer = pager.act(action, **ACTIONS[action])
    assert answer.status_code == 409
    assert answer.json["resolved_at"] == "2026-11-22T14:03:20.000Z"
    assert len(pager.events()) == 3


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("number", [7, 10**30])
def test_an_unknown_incident_is_a_404(pager: Pager, action: str, number: int) -> None:
    assert pager.act(action, number, **ACTIONS[action]).status_code == 404


def test_without_alertmanager_nothing_is_silenced(pager: Pager) -> None:
    [port] = free_ports(1)
    pager.start(alertmanager_url=f"http://127.0.0.1:{port}")
    pager.send(notification())
    before = pager.incident()
    answer = pager.act("silence", **ACTIONS["silence"])
    assert answer.status_code == 502
    assert "Alertmanager cannot be reached" in answer.json["detail"]
    assert pager.incident() == before


def test_what_is_not_silenced_has_no_silence_to_end(pager: Pager) -> None:
    pager.send(notification())
    assert pager.client.delete("/incidents/1/silence", json={"by": "Ada"}).status_code == 409


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("acknowledge", {}, "by"),
        ("acknowledge", {"by": ""}, "by"),
        ("acknowledge", {"by": "   "}, "by"),
        ("acknowledge", {"by": "x" * 61}, "by"),
        ("acknowledge", {"by": "Ada\nBen"}, "by"),
        ("acknowledge", {"by": "Ada\x1b[31m"}, "by"),
        ("acknowledge", {"by": "Ada\u202eneB"}, "by"),
        ("acknowledge", {"by": "\u200d"}, "by"),
        ("acknowledge", {"by": 7}, "by"),
        ("acknowledge", {"by": "Ada", "more": 1}, "more"),
        ("comments", {"by": "Ada", "text": " "}, "text"),
        ("comments", {"by": "Ada", "text": "x" * 2001}, "text"),
        ("silence", {"by": "Ada", "minutes": 0}, "minutes"),
        ("silence", {"by": "Ada", "minutes": 1441}, "minutes"),
        ("silence", {"by": "Ada", "minutes": "5"}, "minutes"),
        ("silence", {"by": "Ada", "minutes": 1.5}, "minutes"),
        ("silence", {"by": "Ada", "minutes": True}, "minutes"),
    ],
)
def test_a_wrong_field_is_named(pager: Pager, action: str, body: dict[str, Any], field: str) -> None:
    pager.send(notification())
    answer = pager.act(action, **body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert pager.events() == ["fired", "notified"]


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [
        ({"Content-Type": "text/plain"}, b'{"by": "Ada"}', 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"by=Ada", 415),
        ({}, b'{"by": "Ada"}', 415),
        ({"Content-Type": "application/json"}, b"", 400),
        ({"Content-Type": "application/json"}, b"[]", 422),
        ({"Content-Type": "application/json"}, b'{"by": "' + b"x" * 20_000 + b'"}', 413),
        ({"Content-Type": "application/json"}, b'{"by": "' + b"x" * 400_000 + b'"}', 413),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, b'{"by": "Ada"}', 403),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "same-site"}, b'{"by": "Ada"}', 403),
        ({"Content-Type": "application/json", "Origin": "http://evil.example"}, b'{"by": "Ada"}', 403),
        (
            {"Content-Type": "application/json", "Origin": "http://evil.example:5003", "Host": "evil.example:5003"},
            b'{"by": "Ada"}',
            400,
        ),
        (
            {
                "Content-Type": "application/json",
                "Sec-Fetch-Site": "same-origin",
                "Origin": "http://evil.example",
                "Host": "localhost",
            },
            b'{"by": "Ada"}',
            403,
        ),
        ({"Content-Type": "application/json", "Origin": "null"}, b'{"by": "Ada"}', 403),
        ({"Content-Type": "application/json", "Origin": ""}, b'{"by": "Ada"}', 403),
        ({"Content-Type": "application/json", "Origin": "http://["}, b'{"by": "Ada"}', 403),
        ({"Content-Type": "application/json", "Origin": "localhost"}, b'{"by": "Ada"}', 403),
        ({"Content-Type": "application/json", "Origin": "http://127.0.0.1"}, b'{"by": "Ada"}', 200),
        (
            {"Content-Type": "application/json", "Origin": "http://pager:5003", "Host": "localhost:5003"},
            b'{"by": "Ada"}',
            200,
        ),
        ({"Content-Type": "application/json", "Origin": "http://localhost:3000"}, b'{"by": "Ada"}', 403),
        (
            {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
            b'{"by": "Ada"}',
            200,
        ),
        ({"Content-Type": "application/json; charset=utf-8"}, b'{"by": "Ada"}', 200),
    ],
)
def test_only_json_of_the_pagers_own_pages_gets_in(
    pager: Pager, headers: dict[str, str], data: bytes, status: int
) -> None:
    pager.send(notification())
    answer = pager.client.post("/incidents/1/acknowledge", data=data, headers=headers)
    assert answer.status_code == status
    assert (pager.incident()["acknowledged_by"] == "Ada") is (status == 200)


def test_a_page_of_another_site_is_counted(pager: Pager) -> None:
    headers = {"Origin": "http://evil.example"}
    assert pager.client.post("/incidents/1/acknowledge", json={"by": "Ada"}, headers=headers).status_code == 403
    assert pager.metric('lab_untrusted_hosts_total{header="origin"}') == 1
    assert pager.metric('lab_untrusted_hosts_total{header="host"}') == 0


@pytest.mark.parametrize("path", ["/", "/incidents", "/oncall", "/runbooks/", "/metrics", "/logs", "/static/pager.css"])
def test_no_page_is_shown_under_another_name(pager: Pager, path: str) -> None:
    answer = pager.client.get(path, headers={"Host": "evil.example:5003", "Accept": "text/html"})
    assert answer.status_code == 400
    assert "TRUSTED_HOSTS" in answer.text


def test_a_timeline_is_full_at_some_point(pager: Pager) -> None:
    pager.send(notification())
    with pager.parts.database.write() as session:
        incident = session.get(Incident, 1)
        assert incident is not None
        for number in range(997):
            add_entry(incident, incident.notified_at, "commented", str(number), "Ada", always=True)
    assert pager.act("comments", by="Ada", text="the last one").status_code == 201
    assert pager.act("comments", by="Ada", text="one more").status_code == 409
    assert pager.send(notification(resolved_at=RESOLVED_AT))["outcome"] == "resolved"
