"""The draft of a post-mortem: filled from the timeline, and every text of others stays a text."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from markdown_it import MarkdownIt
from sqlalchemy import delete

from services.pager.model.tables import Event, Incident
from services.pager.web import time_range_links
from services.pager.web.postmortem import draft
from tests.support.alerting.pager import Pager, notification

EVIL = "](http://x) <script>alert(1)</script> | `cell` \n# Heading"
START = datetime(2026, 11, 22, 14, tzinfo=UTC)
END = START + timedelta(minutes=10)
FIRST, LAST = "1795355700000", "1795356900000"  # five minutes before and after


def text_of(pager: Pager) -> str:
    incident = pager.parts.store.get(1)
    assert incident is not None
    return draft(incident, datetime.now(UTC))


def test_it_reports_who_did_what_and_how_long_it_took(pager: Pager) -> None:
    pager.send(notification())
    pager.tick(125)
    pager.act("acknowledge", by="Ben")
    pager.act("comments", by="Cleo", text="The provider is down")
    pager.send(notification(resolved_at="2026-11-22T14:03:20.123Z"))
    text = text_of(pager)
    for heading in (
        "Summary",
        "Impact",
        "Root cause",
        "Times",
        "Timeline",
        "What went well",
        "What went badly",
        "Actions",
    ):
        assert f"\n## {heading}\n" in text
    assert "# Post-mortem: ErrorRateCritical of assistant (incident 1)" in text
    assert "50% of the requests to assistant failed" in text
    assert "| Participants | Ben, Cleo |" in text
    assert "| resolved | 3 min 20 s | the alert itself |" in text
    assert "| Ben |" in next(line for line in text.splitlines() if line.startswith("| acknowledged |"))
    assert "1 level did not acknowledge in time" in text
    rows = [line for line in text.splitlines() if line.startswith("| 2026-")]
    assert [row.split(" | ")[2] for row in rows] == [line["event"] for line in pager.incident()["timeline"]], (
        "every line of the timeline, in its order"
    )
    assert text.count("_To be written:_") >= 5


def test_an_open_incident_has_a_draft_as_far_as_now(pager: Pager) -> None:
    pager.send(notification())
    text = text_of(pager)
    assert "| Status | open |" in text
    assert "so far." in text
    assert "| resolved | not yet | |" in text
    assert "No responder acknowledged it" in text


def test_markup_of_others_is_text(pager: Pager) -> None:
    def evil(body: dict[str, Any]) -> None:
        body["groupLabels"] = {"alertname": EVIL, "service": EVIL}
        body["alerts"][0]["annotations"] |= {"summary": EVIL, "description": EVIL, "runbook_url": f"http://x/>{EVIL}"}

    pager.send(notification(evil))
    pager.act("comments", by="](javascript:x) <b>", text=EVIL)
    text = text_of(pager)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<script" not in html
    assert "<b>" not in html
    assert html.count("<h1>") == 1
    assert html.count("<a ") == len(time_range_links.over(pager.incident()["links"], START, END))
    plain = [line for line in text.splitlines() if line.startswith("| 2026-")]
    assert len(plain) == 3


@pytest.mark.parametrize(
    "text", ["# head", "- item", "+ item", "1. item", "1) item", "---", "===", "***", "> said", "~~~"]
)
def test_nothing_of_a_text_begins_a_heading_a_list_or_a_line(pager: Pager, text: str) -> None:
    html = []
    for summary in ("plain", text):
        with pager.parts.database.write() as session:
            session.execute(delete(Event))
            session.execute(delete(Incident))
        pager.send(notification(lambda body, it=summary: body["alerts"][0]["annotations"].update(summary=it)))
        html.append(MarkdownIt("commonmark").enable("table").render(text_of(pager)))
    assert sorted(re.findall(r"<\w+", html[0])) == sorted(re.findall(r"<\w+", html[1]))


def test_dashboards_show_the_time_of_the_incident() -> None:
    shown = time_range_links.over(
        {"dashboard": "http://127.0.0.1:3000/d/service?from=now-5m&var-job=assistant"}, START, END
    )
    assert shown["dashboard"] == f"http://127.0.0.1:3000/d/service?var-job=assistant&from={FIRST}&to={LAST}"
    assert shown["slo"] == f"http://127.0.0.1:3000/d/slo?from={FIRST}&to={LAST}"


def test_logs_show_the_time_of_the_incident() -> None:
    url = "http://127.0.0.1:5003/logs?service=assistant&at=1795356000"
    shown = time_range_links.over({"logs": url}, START, END)["logs"]
    assert parse_qs(urlsplit(shown).query) == {
        "service": ["assistant"],
        "at": ["1795356000"],
        "from": [FIRST],
        "to": [LAST],
    }


def test_a_link_of_an_unknown_form_stays_as_it_is() -> None:
    url = "http://127.0.0.1:3000/explore?panes=%7B%7D"
    assert time_range_links.over({"logs": url}, START, END)["logs"] == url


def test_prometheus_shows_the_time_of_the_incident() -> None:
    url = time_range_links.over(
        {"prometheus": "http://127.0.0.1:9090/graph?g0.expr=up%20%3C%201&g0.tab=1"}, START, END
    )["prometheus"]
    query = parse_qs(urlsplit(url).query)
    assert query == {
        "g0.expr": ["up < 1"],
        "g0.range_input": ["1200s"],
        "g0.end_input": ["2026-11-22 14:15:00"],
        "g0.tab": ["0"],
    }


def test_links_of_another_form_stay_as_they_are() -> None:
    links = {"logs": "http://x/explore?panes=%7Bnot", "runbook": "http://x/runbooks/A"}
    assert time_range_links.over(links, START, END) == links
