"""The pages: what they show, and that a text of an alert stays a text."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from services.pager.oncall.rotation import SECONDS_PER_LAB_MINUTE, Rotation
from services.pager.oncall.upcoming_shifts import upcoming
from services.pager.web.filters import ahead, timeline
from services.pager.web.runbooks import Runbooks
from tests.support.alerting.pager import Pager, notification

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def evil(body: dict[str, Any]) -> None:
    alert = body["alerts"][0]
    body["receiver"] = EVIL
    body["groupLabels"] = {"alertname": EVIL, "service": EVIL}
    alert["labels"] = {"severity": "page", "job": EVIL}
    alert["annotations"] = {"summary": EVIL, "description": EVIL, "runbook_url": "javascript:alert(1)"}
    alert["annotations"] |= {"dashboard_url": f"http://x/{EVIL}", "logs_url": "data:text/html,x"}


def test_the_front_page_shows_open_incidents_with_their_links(pager: Pager) -> None:
    assert "No incident is open" in pager.client.get("/").text
    pager.send(notification())
    page = pager.client.get("/").text
    assert "ErrorRateCritical" in page
    assert "50% of the requests to assistant failed" in page
    assert 'href="http://127.0.0.1:5003/runbooks/ErrorRateCritical"' in page
    pager.send(notification(resolved_at="2026-11-22T14:03:20Z"))
    page = pager.client.get("/").text
    assert "No incident is open" in page
    assert "3 min 20 s" in page


def test_pages_are_before_tickets(pager: Pager) -> None:
    pager.send(notification())

    def newer_ticket(body: dict[str, Any]) -> None:
        body["groupLabels"]["alertname"] = "SlowResponses"
        body["alerts"][0]["labels"]["severity"] = "ticket"
        body["alerts"][0]["startsAt"] = "2026-11-22T14:05:00Z"

    pager.send(notification(newer_ticket))
    page = pager.client.get("/").text
    assert page.index("ErrorRateCritical</a>") < page.index("SlowResponses</a>")


def test_an_incident_has_its_page_and_its_json(pager: Pager) -> None:
    pager.send(notification())
    page = pager.client.get("/incidents/1", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.mimetype == "text/html"
    for text in ("Timeline", "Fired", "Notified", "Logs (incident window)", "Alert in Prometheus"):
        assert text in page.text
    answer = pager.client.get("/incidents/1", headers={"Accept": "application/json"})
    assert answer.json == pager.incidents()[0]


@pytest.mark.parametrize("path", ["/incidents/7", f"/incidents/{'9' * 30}", "/runbooks/Nothing", "/runbooks/a.b"])
def test_what_is_not_there_is_a_404(pager: Pager, path: str) -> None:
    answer = pager.client.get(path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/incidents/7", "/incidents/seven", "/incidents/²", "/runbooks/Nothing", "/nothing"])
def test_a_browser_gets_a_page_that_says_what_to_do(pager: Pager, path: str) -> None:
    answer = pager.client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "All incidents" in answer.text
    assert "trace <code>" in answer.text
    assert answer.headers["Content-Security-Policy"]


def test_an_unknown_number_says_what_is_kept(pager: Pager) -> None:
    detail = pager.client.get("/incidents/7", headers={"Accept": "application/json"}).json["detail"]
    assert detail.startswith("There is no incident 7. The pager keeps all open incidents")


def test_the_draft_of_a_post_mortem_is_markdown_a_page_and_a_file(pager: Pager) -> None:
    pager.send(notification())
    path = "/incidents/1/postmortem"
    markdown = pager.client.get(path, headers={"Accept": "text/markdown"})
    assert markdown.mimetype == "text/markdown"
    assert markdown.text.startswith("# Post-mortem")
    page = pager.client.get(path, headers={"Accept": "text/html"})
    assert page.mimetype == "text/html"
    assert "<h2>Timeline</h2>" in page.text
    file = pager.client.get(path + ".md")
    assert file.mimetype == "text/markdown"
    assert file.headers["Content-Disposition"] == "attachment; filename=postmortem-1-ErrorRateCritical.md"
    assert pager.client.get("/incidents/7/postmortem.md").status_code == 404


def test_the_name_of_the_file_is_made_of_plain_mails(pager: Pager) -> None:
    pager.send(notification(evil))
    disposition = pager.client.get("/incidents/1/postmortem.md").headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename=postmortem-1-[A-Za-z0-9-]+\.md", disposition)


def test_what_is_wrong_with_the_rotation_file_is_on_both_pages(pager: Pager) -> None:
    pager.rotation.write_text("people: {ada: Ada}")
    document = pager.client.get("/oncall", headers={"Accept": "application/json"}).json
    assert document["levels"][0]["fallback"]
    for path in ("/", "/oncall"):
        page = pager.client.get(path).text
        assert 'class="chain bad"' in page
        assert document["file"] in page
        assert document["levels"][0]["responders"][0] in page
    assert str(escape(document["problems"][0])) in page


def test_the_coming_day_has_no_gap(tmp_path: Path) -> None:
    file = tmp_path / "rotation.yml"
    file.write_text("""
people: {ada: Ada, ben: Ben, cleo: Cleo}
levels:
  - name: first
    shifts:
      - {person: ada, from: thu 00:00, to: thu 06:00}
      - {person: ben, from: thu 12:00, to: thu 00:00}
  - name: second
    shifts:
      - {person: cleo, from: mon 00:00, to: mon 00:00}
""")
    # Lab weeks begin with 1970, on what their clock calls Monday 00:00.
    thursday = datetime.fromtimestamp(3 * 24 * 60 * SECONDS_PER_LAB_MINUTE, UTC)
    plan = Rotation(file).read()
    first = [(shift.responders, shift.fallback, shift.left, shift.width) for shift in upcoming(plan, 0, thursday)]
    assert first == [("Ada", False, 0, 25), ("Ada, Ben", True, 25, 25), ("Ben", False, 50, 50)]
    assert [(shift.responders, shift.colour, shift.width) for shift in upcoming(plan, 1, thursday)] == [
        ("Cleo", 2, 100)
    ]


@pytest.mark.parametrize("limit", ["0", "201", "-1"])
def test_a_limit_out_of_range_is_refused(pager: Pager, limit: str) -> None:
    assert pager.client.get(f"/incidents?limit={limit}").status_code == 422


@pytest.mark.parametrize("path", ["/", "/incidents/1", "/incidents/1/postmortem"])
def test_markup_in_an_alert_is_shown_as_text(pager: Pager, path: str) -> None:
    pager.send(notification(evil))
    answer = pager.client.get(path)
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert "javascript:" not in answer.text
    assert "data:" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


@pytest.mark.parametrize("path", ["/", "/runbooks/", "/runbooks/ServiceDown", "/nothing"])
def test_every_answer_forbids_foreign_scripts(pager: Pager, path: str) -> None:
    policy = pager.client.get(path).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_no_page_needs_what_the_policy_forbids(pager: Pager) -> None:
    """No inline script or style: the policy would silently switch them off."""
    pager.send(notification())
    for path in ("/", "/incidents/1", "/incidents/1/postmortem", "/oncall", "/runbooks/", "/runbooks/ServiceDown"):
        text = pager.client.get(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert "<script>" not in text


def test_the_front_page_says_when_the_chain_is_silent(pager: Pager) -> None:
    assert "No heartbeat yet" in pager.client.get("/").text


def test_runbooks_are_listed_and_rendered_without_their_markup(pager: Pager) -> None:
    assert 'href="/runbooks/ServiceDown"' in pager.client.get("/runbooks/").text
    page = pager.client.get("/runbooks/ServiceDown").text
    assert "<em>down</em>" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("name", ["../secret", "..", "a/b", "", "ServiceDown.md", "x" * 65])
def test_a_runbook_is_never_read_from_another_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "pages").mkdir()
    assert Runbooks(tmp_path / "pages").html(name) is None


def test_what_is_due_comes_at_any_moment() -> None:
    now = datetime.now(UTC)
    assert ahead(now + timedelta(seconds=65.5)) in ("in 1 min 5 s", "in 1 min 6 s")
    assert ahead((now - timedelta(seconds=5)).isoformat()) == "now"


def test_notices_that_say_nothing_new_are_one_line() -> None:
    def event(second: int, kind: str, **more: str) -> dict[str, str]:
        return {"at": f"2025-11-22T14:00:{second:02}.000Z", "event": kind, "text": f"{kind} {second}", **more}

    quiet = [event(second, "repeated") for second in (10, 20, 30)]
    lines = timeline(
        [event(0, "fired"), *quiet, event(35, "commented", by="Ada"), event(40, "repeated"), event(45, "new")]
    )
    assert [(line.label, line.text, line.by, line.after) for line in lines] == [
        ("Fired", "fired 0", "", ""),
        ("Still firing", "3 more notifications, the last one at 2025-11-22 14:00:30 UTC", "", "+10 s"),
        ("Comment", "commented 35", "Ada", "+35 s"),
        ("Still firing", "repeated 40", "", "+40 s"),
        ("new", "new 45", "", "+45 s"),
    ]
