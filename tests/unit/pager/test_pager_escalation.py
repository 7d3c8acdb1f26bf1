"""Who is paged next, and when no one is."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from services.pager.model.tables import Incident
from tests.support.alerting.pager import Pager, notification


def ticket(body: dict) -> None:
    body["alerts"][0]["labels"]["severity"] = "ticket"


def silence(pager: Pager, seconds: float) -> None:
    """As the action leaves it; Alertmanager's side of it is tested with a real one."""
    with pager.parts.database.write() as session:
        incident = session.get(Incident, 1)
        assert incident is not None
        incident.silence_id, incident.silence_by = "7", "Ada"
        incident.silence_until = datetime.now(UTC) + timedelta(seconds=seconds)
        incident.next_escalation_at = None


def test_a_new_page_goes_to_the_first_level(pager: Pager) -> None:
    pager.send(notification())
    incident = pager.incident()
    assert (incident["responder"], incident["escalation_level"]) == ("Ada", 0)
    waits = datetime.fromisoformat(incident["next_escalation_at"]) - datetime.fromisoformat(incident["notified_at"])
    assert waits == timedelta(seconds=120)
    assert incident["timeline"][1]["text"].endswith("paged Ada (level 1, first)")


def test_one_level_after_the_other_is_paged_and_then_no_one(pager: Pager) -> None:
    pager.send(notification())
    pager.tick(119)
    assert pager.incident()["escalation_level"] == 0
    pager.tick(121)
    incident = pager.incident()
    assert (incident["responder"], incident["escalation_level"]) == ("Ben", 1)
    assert incident["timeline"][-1]["event"] == "escalated"
    assert re.fullmatch(
        r"Not acknowledged within 12[12] s: paged Ben \(level 2, second\)", incident["timeline"][-1]["text"]
    )
    pager.tick(122)
    pager.tick(240)
    assert pager.incident()["escalation_level"] == 1, "each level has its own time"
    pager.tick(242)
    incident = pager.incident()
    assert (incident["responder"], incident["next_escalation_at"]) == ("Cleo", None)
    pager.tick(100_000)
    assert pager.events().count("escalated") == 2
    assert pager.metric('pager_escalations_total{severity="page"}') == 2


def test_a_ticket_is_assigned_and_wakes_no_one_else(pager: Pager) -> None:
    pager.send(notification(ticket))
    incident = pager.incident()
    assert (incident["responder"], incident["next_escalation_at"]) == ("Ada", None)
    assert incident["timeline"][1]["text"].endswith("for Ada (level 1, first)")
    pager.tick(100_000)
    assert "escalated" not in pager.events()


def test_a_ticket_that_becomes_a_page_escalates_from_then_on(pager: Pager) -> None:
    pager.send(notification(ticket))
    pager.send(notification())
    assert pager.incident()["severity"] == "page"
    pager.tick(121)
    assert pager.incident()["responder"] == "Ben"


def test_what_is_resolved_does_not_escalate(pager: Pager) -> None:
    pager.send(notification())
    pager.send(notification(resolved_at="2026-11-22T14:03:20Z"))
    assert pager.incident()["next_escalation_at"] is None
    pager.tick(100_000)
    assert "escalated" not in pager.events()


def test_a_restart_in_between_escalates_once(pager: Pager) -> None:
    pager.send(notification())
    pager.start()
    pager.tick(500)
    pager.start()
    pager.tick(501)
    assert pager.events().count("escalated") == 1


def test_what_is_silenced_waits_and_goes_on_afterwards(pager: Pager) -> None:
    pager.send(notification())
    silence(pager, 300)
    pager.tick(200)
    assert (pager.incident()["escalation_level"], pager.incident()["silence"]["by"]) == (0, "Ada")
    pager.tick(301)
    assert (pager.events()[-1], pager.incident()["silence"]) == ("unsilenced", None)
    assert pager.incident()["escalation_level"] == 0
    pager.tick(422)
    assert pager.incident()["escalation_level"] == 1


def test_no_one_waits_for_one_that_was_resolved_under_a_silence(pager: Pager) -> None:
    pager.send(notification())
    silence(pager, 10)
    pager.send(notification(resolved_at="2026-11-22T14:03:20Z"))
    pager.tick(11)
    pager.tick(1000)
    assert (pager.incident()["silence"], pager.incident()["next_escalation_at"]) == (None, None)
    assert "escalated" not in pager.events()


@pytest.mark.parametrize("text", [None, "people: [", "people: {}\nlevels: []"])
def test_with_a_broken_rotation_a_person_is_paged_and_levels_follow_once_it_is_fixed(
    pager: Pager, text: str | None
) -> None:
    good = pager.rotation.read_text()
    pager.rotation.unlink()
    if text is not None:
        pager.rotation.write_text(text)
    pager.start()
    pager.send(notification())
    assert pager.incident()["responder"] == "everyone"
    pager.tick(121)
    assert pager.incident()["escalation_level"] == 0
    assert pager.incident()["next_escalation_at"] is not None
    pager.rotation.write_text(good)
    pager.tick(242)
    assert pager.incident()["responder"] == "Ben"


def test_a_file_that_breaks_while_it_runs_leaves_the_first_level(pager: Pager) -> None:
    pager.tick()
    pager.rotation.write_text("people: [")
    pager.send(notification())
    assert pager.incident()["responder"] == "Ada"
    assert "as the fallback" in pager.incident()["timeline"][1]["text"]


def test_a_task_that_fails_is_reported_once_and_stops_no_other(pager: Pager) -> None:
    def broken(now: datetime) -> None:
        raise RuntimeError("out of order")

    pager.send(notification())
    clock = pager.parts.scheduler
    # Before the others.
    clock._tasks = {"broken": broken, **clock._tasks}
    pager.tick(121)
    pager.tick(122)
    assert pager.incident()["escalation_level"] == 1
    reported = [line for line in pager.lines() if line.get("task") == "broken"]
    assert [(line["level"], line["error_message"]) for line in reported] == [("error", "out of order")]


def test_who_has_it_is_not_left_out_when_a_silence_ends(pager: Pager) -> None:
    pager.send(notification())
    pager.act("acknowledge", by="Ada")
    silence(pager, 10)
    pager.tick(11)
    assert (pager.events()[-1], pager.incident()["next_escalation_at"]) == ("unsilenced", None)


def test_a_ticket_that_becomes_a_page_under_a_silence_waits_for_its_end(pager: Pager) -> None:
    pager.send(notification(ticket))
    silence(pager, 300)
    pager.send(notification())
    assert (pager.incident()["severity"], pager.incident()["next_escalation_at"]) == ("page", None)
    pager.tick(301)
    assert pager.incident()["next_escalation_at"] is not None
