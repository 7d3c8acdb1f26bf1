"""The pager's pages in a browser: a responder at work, two at once, without a mouse, on a phone, in the dark."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.alerting.pager import notification
from tests.support.browser.access import nameless, too_faint, too_wide
from tests.support.browser.page import Complaints
from tests.support.labs.programs import program
from tests.support.servers import processes
from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server, until

ADA = "Ada Obi"
EVIL = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
_numbers = count(1)


@pytest.fixture(scope="module")
def pager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One pager without Alertmanager; each test has incidents of its own."""
    (port,) = free_ports(1)
    # Without Alertmanager the Watchdog is silent, which is not what these tests look at.
    quiet = {"WATCHDOG_GRACE_SECONDS": "86400"}
    server = processes.pager(port, tmp_path_factory.mktemp("pager"), ALERTMANAGER_URL="http://127.0.0.1:9", **quiet)
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Trouble:
    """An alert of a service that no other test has, firing for a minute."""

    def __init__(self, pager: Server, **annotations: str) -> None:
        self.service = f"service-{next(_numbers)}"
        self.started_at = datetime.now(UTC) - timedelta(minutes=1)
        self._pager = pager
        self._annotations = annotations
        self.number = self.report()["incident"]
        self.url = f"{pager.url}/incidents/{self.number}"

    def report(self, resolved: bool = False, **labels: str) -> dict[str, Any]:
        """Send a notification of it; further labels make it another alert of the same group."""

        def change(body: dict[str, Any]) -> None:
            alert = body["alerts"][0]
            body["groupLabels"]["service"] = self.service
            alert["labels"] |= {"service": self.service, **labels}
            alert["annotations"] |= self._annotations
            alert["startsAt"] = self.started_at.isoformat()
            alert["fingerprint"] = "-".join(["one", *labels.values()])[:60]

        body = notification(change, datetime.now(UTC).isoformat() if resolved else None)
        answer = httpx.post(f"{self._pager.url}/webhook/alertmanager", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def document(self) -> dict[str, Any]:
        """The incident as programs read it."""
        return dict(httpx.get(self.url, headers={"Accept": "application/json"}).json())

    def events(self) -> list[tuple[str, str | None]]:
        """What happened, and who did it."""
        return [(line["event"], line.get("by")) for line in self.document()["timeline"]]


def at_work(page: Page, trouble: Trouble, by: str = ADA) -> Page:
    """The page of the incident, signed."""
    page.goto(trouble.url)
    page.get_by_label("Your name").fill(by)
    return page


def last_line(page: Page) -> Any:
    return page.locator("ol.timeline li").last


def test_from_the_list_to_an_acknowledgement(page: Page, pager: Server, complaints: Complaints) -> None:
    trouble = Trouble(pager)
    page.goto(pager.url)
    card = page.locator(f"#incident-{trouble.number}")
    expect(card).to_contain_text("Not acknowledged")
    expect(card).to_contain_text("50% of the requests to assistant failed in the last minute (threshold 10%)")
    card.get_by_role("link", name="ErrorRateCritical").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ErrorRateCritical")
    for name in ("Runbook", "Dashboard", "Logs (incident window)"):
        expect(page.get_by_role("main").get_by_role("link", name=name)).to_have_count(1)

    page.get_by_label("Your name").fill(ADA)
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#do-acknowledge .result")).to_have_text("Acknowledged; escalation stopped.")
    expect(page.get_by_role("button", name="Acknowledge")).to_be_hidden()
    expect(page.locator("article")).to_contain_text(f"Acknowledged by {ADA}")
    expect(last_line(page)).to_contain_text(f"Acknowledged by {ADA}")
    assert trouble.document()["acknowledged_by"] == ADA
    page.goto(pager.url)
    expect(card).to_contain_text(f"Acknowledged by {ADA}")
    assert complaints == []


def test_a_page_without_a_responder_comes_before_an_acknowledged_one(page: Page, pager: Server) -> None:
    older, newer = Trouble(pager), Trouble(pager)
    answer = httpx.post(f"{newer.url}/acknowledge", json={"by": ADA})
    assert answer.status_code == 200, answer.text
    page.goto(pager.url)
    cards = page.locator("article").evaluate_all("all => all.map(one => one.id)")
    assert cards.index(f"incident-{older.number}") < cards.index(f"incident-{newer.number}")


def test_no_one_acts_without_a_name_and_the_name_is_remembered(page: Page, pager: Server) -> None:
    trouble = Trouble(pager)
    page.goto(trouble.url)
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#do-acknowledge .result")).to_contain_text("Enter your name first.")
    expect(page.get_by_label("Your name")).to_be_focused()
    assert ("acknowledged", None) not in trouble.events()
    page.keyboard.type("Eve Another")
    page.keyboard.press("Tab")
    page.reload()
    expect(page.get_by_label("Your name")).to_have_value("Eve Another")
    offered = page.locator("#people option").evaluate_all("all => all.map(one => one.value)")
    assert ADA in offered


def test_a_comment_and_an_escalation(page: Page, pager: Server) -> None:
    trouble = Trouble(pager)
    at_work(page, trouble)
    page.get_by_label("Comment").fill("The provider answers 503.\nTheir status page says nothing.")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator("#do-comment .result")).to_have_text("Comment added.")
    expect(page.get_by_label("Comment")).to_have_value("")
    expect(last_line(page)).to_contain_text("Their status page says nothing.")

    page.get_by_text("Escalate to the next level").click()
    page.locator("#do-escalate").get_by_label("Reason").fill("I have no access")
    page.get_by_role("button", name="Escalate").click()
    expect(page.locator("#do-escalate .result")).to_have_text("Escalated.")
    expect(last_line(page)).to_contain_text("I have no access")
    assert trouble.events()[-2:] == [("commented", ADA), ("escalated", ADA)]
    assert trouble.document()["escalation_level"] == 1


def test_resolved_by_hand(page: Page, pager: Server) -> None:
    trouble = Trouble(pager)
    at_work(page, trouble)
    page.get_by_text("Resolve by hand").click()
    page.get_by_label("Resolution note").fill("The provider is back")
    page.get_by_role("button", name="Resolve", exact=True).click()
    expect(page.locator("#do-resolve .result")).to_contain_text("Resolved.")
    expect(page.locator("article .state").first).to_contain_text("Resolved at")
    expect(page.get_by_text("Escalate to the next level")).to_be_hidden()
    assert trouble.document()["status"] == "resolved"
    assert ("resolved", ADA) in trouble.events()


def test_the_post_mortem_is_read_downloaded_and_copied(page: Page, pager: Server, complaints: Complaints) -> None:
    trouble = Trouble(pager)
    httpx.post(f"{trouble.url}/comments", json={"by": ADA, "text": "The provider answers 503."})
    trouble.report(resolved=True)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(trouble.url)
    page.get_by_role("link", name="Post-mortem draft").click()
    draft = page.locator("article.draft")
    expect(draft).to_contain_text("ErrorRateCritical")
    expect(draft).to_contain_text("The provider answers 503.")
    assert draft.locator("h2").count() > 2
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the Markdown").click()
    assert download.value.suggested_filename == f"postmortem-{trouble.number}-ErrorRateCritical.md"
    markdown = Path(download.value.path()).read_text()
    assert markdown.startswith("# ")
    page.get_by_role("button", name="Copy the Markdown").click()
    expect(page.locator("#copied")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").strip() == markdown.strip()
    assert complaints == []


def test_two_acknowledge_at_once_and_the_second_sees_who_was_first(browser: Browser, pager: Server) -> None:
    trouble = Trouble(pager)
    contexts = [browser.new_context() for _ in range(2)]
    try:
        pages = [
            at_work(context.new_page(), trouble, by) for context, by in zip(contexts, (ADA, "Ben Sato"), strict=True)
        ]
        for page in pages:
            page.get_by_role("button", name="Acknowledge").focus()
        for page in pages:
            page.evaluate("document.querySelector('#do-acknowledge button').click()")
        first = {"Ada Obi": 0, "Ben Sato": 1}[_acknowledged_by(trouble)]
        won, lost = pages[first], pages[1 - first]
        expect(won.locator("#do-acknowledge .result")).to_have_text("Acknowledged; escalation stopped.")
        expect(lost.locator("#do-acknowledge .result.bad")).to_contain_text(_acknowledged_by(trouble))
        for page in pages:
            expect(page.locator("article")).to_contain_text(f"Acknowledged by {_acknowledged_by(trouble)}")
    finally:
        for context in contexts:
            context.close()
    assert sum(event == "acknowledged" for event, _ in trouble.events()) == 1


def _acknowledged_by(trouble: Trouble) -> str:
    until("a person has acknowledged", lambda: trouble.document()["acknowledged_by"], 10)
    return str(trouble.document()["acknowledged_by"])


@pytest.mark.parametrize("path", ["/", "", "/postmortem"])
def test_markup_shows_as_text(page: Page, pager: Server, complaints: Complaints, path: str) -> None:
    trouble = Trouble(pager, summary=EVIL, description=EVIL)
    httpx.post(f"{trouble.url}/comments", json={"by": EVIL[:50], "text": EVIL})
    trouble.report(instance=EVIL)
    page.goto(pager.url if path == "/" else trouble.url + path)
    expect(page.get_by_role("main")).to_contain_text(EVIL)
    assert page.locator("main script, main img").count() == 0
    assert page.title() not in {"1", "2"}
    assert complaints == []


def test_what_is_typed_survives_everything_that_happens_meanwhile(page: Page, pager: Server) -> None:
    trouble = Trouble(pager)
    at_work(page, trouble)
    page.get_by_text("Resolve by hand").click()
    page.get_by_label("Resolution note").fill("half a")
    comment = page.get_by_label("Comment")
    comment.fill("half a sentence")
    comment.press("ArrowLeft")
    place = "document.activeElement.selectionStart"
    before = page.evaluate(place)

    trouble.report(job="assistant-2")
    expect(page.locator("ol.timeline")).to_contain_text("Also: job assistant-2", timeout=15_000)
    httpx.post(f"{trouble.url}/acknowledge", json={"by": "Ben Sato"})
    expect(page.locator("article")).to_contain_text("Acknowledged by Ben Sato", timeout=15_000)
    expect(page.get_by_role("button", name="Acknowledge")).to_be_hidden()
    trouble.report(resolved=True)
    expect(page.locator("article .state").first).to_contain_text("Resolved", timeout=15_000)

    expect(comment).to_have_value("half a sentence")
    expect(comment).to_be_focused()
    assert page.evaluate(place) == before == len("half a sentence") - 1
    expect(page.get_by_label("Your name")).to_have_value(ADA)
    # The incident is resolved. Forms with text stay visible; the others are hidden.
    expect(page.get_by_label("Resolution note")).to_have_value("half a")
    expect(page.get_by_label("Resolution note")).to_be_visible()
    expect(page.get_by_text("Escalate to the next level")).to_be_hidden()
    page.get_by_role("button", name="Resolve", exact=True).click()
    expect(page.locator("#do-resolve .result.bad")).not_to_be_empty()


def test_the_list_follows_by_itself_and_keeps_the_focus(page: Page, pager: Server) -> None:
    first = Trouble(pager)
    page.goto(pager.url)
    link = page.locator(f"#incident-{first.number}").get_by_role("link", name="Runbook")
    link.focus()
    second = Trouble(pager)
    expect(page.locator(f"#incident-{second.number}")).to_be_visible(timeout=15_000)
    expect(link).to_be_focused()
    expect(page.locator("main [role=status]")).to_contain_text(f"ErrorRateCritical of {second.service}")
    first.report(resolved=True)
    expect(page.locator(f"li#incident-{first.number}")).to_contain_text("resolved after", timeout=15_000)
    expect(page.locator(f"article#incident-{first.number}")).to_have_count(0)


def test_it_says_when_the_pager_does_not_answer(page: Page, pager: Server) -> None:
    trouble = Trouble(pager)
    at_work(page, trouble)
    page.get_by_label("Comment").fill("Is anybody there?")
    page.context.set_offline(True)
    page.get_by_role("button", name="Comment").click()
    expect(page.locator("#do-comment .result.bad")).to_contain_text("The pager does not respond")
    expect(page.get_by_role("alert")).to_contain_text("Data may be stale")
    expect(page.get_by_label("Comment")).to_have_value("Is anybody there?")
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0, timeout=15_000)
    page.get_by_role("button", name="Comment").click()
    expect(last_line(page)).to_contain_text("Is anybody there?")


def test_a_refusal_is_shown_in_words_and_nothing_typed_is_lost(page: Page, pager: Server) -> None:
    trouble = Trouble(pager)
    at_work(page, trouble)
    page.get_by_text("Silence the alert for a while").click()
    page.locator("#do-silence").get_by_label("Reason").fill("we fix it")
    page.get_by_role("button", name="Silence").click()
    # No Alertmanager runs in this test.
    said = page.locator("#do-silence .result.bad")
    expect(said).to_contain_text("Alertmanager")
    words = said.inner_text()
    trouble.report(job="assistant-2")
    expect(page.locator("ol.timeline")).to_contain_text("Also: job assistant-2", timeout=15_000)
    expect(said).to_have_text(words)
    expect(page.locator("#do-silence").get_by_label("Reason")).to_have_value("we fix it")
    expect(page.locator("#do-silence").get_by_label("Reason")).to_be_visible()
    assert trouble.document()["silence"] is None


def test_with_the_keyboard_alone(page: Page, pager: Server, complaints: Complaints) -> None:
    trouble = Trouble(pager)
    page.goto(pager.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    _tab_to(page, f"a[href='/incidents/{trouble.number}']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("ErrorRateCritical")
    _tab_to(page, "#signer")
    page.keyboard.type(ADA)
    _tab_to(page, "#do-acknowledge button")
    page.keyboard.press("Enter")
    expect(page.locator("#do-acknowledge .result")).to_be_focused()
    _tab_to(page, "#comment")
    page.keyboard.type("I am on it")
    _tab_to(page, "#do-comment button")
    page.keyboard.press("Space")
    expect(page.locator("#do-comment .result")).to_have_text("Comment added.")
    expect(page.get_by_label("Comment")).to_be_focused()
    _tab_to(page, "#do-resolve summary")
    page.keyboard.press("Enter")
    _tab_to(page, "#ended")
    page.keyboard.type("The provider is back")
    _tab_to(page, "#do-resolve button")
    page.keyboard.press("Enter")
    expect(page.locator("#do-resolve .result")).to_contain_text("Resolved.")
    assert trouble.events()[-3:] == [("acknowledged", ADA), ("commented", ADA), ("resolved", ADA)]
    assert complaints == []


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until it has the focus, and see that each stop on the way shows where it is."""
    for _ in range(60):
        page.keyboard.press("Tab")
        here, ring = page.evaluate(
            """selector => {
                const one = document.activeElement;
                return [one.matches(selector), getComputedStyle(one).outlineStyle];
            }""",
            selector,
        )
        assert ring != "none", page.evaluate("document.activeElement.outerHTML")
        if here:
            return
    raise AssertionError(f"Tab does not lead to {selector}")


PAGES = ["/", "/incidents/{number}", "/incidents/{number}/postmortem", "/oncall", "/runbooks/", "/runbooks/ServiceDown"]


@pytest.mark.parametrize("path", [*PAGES, "/incidents/999999"])
def test_every_page_for_everybody(page: Page, pager: Server, path: str) -> None:
    """390 px wide, in light and dark, with a name for each control and headings that go step by step."""
    long = "w" * 300
    trouble = Trouble(pager, summary=f"50% failed {long}", description=long)
    httpx.post(f"{trouble.url}/comments", json={"by": ADA, "text": f"{long}\n{long}"})
    trouble.report(instance=long)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(pager.url + path.format(number=trouble.number))
    for details in page.locator("details").all():
        if details.is_visible():
            details.locator("summary").click()
    assert too_wide(page, 390) == []
    assert nameless(page) == []
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert too_faint(page) == []


def test_an_unknown_incident_says_what_to_do(page: Page, pager: Server) -> None:
    answer = page.goto(f"{pager.url}/incidents/999999")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("No such incident")
    expect(page.get_by_role("main")).to_contain_text("There is no incident 999999")
    page.get_by_role("link", name="All incidents").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Open incidents")


def test_on_call_shows_the_levels_and_the_coming_day(page: Page, pager: Server) -> None:
    levels = httpx.get(f"{pager.url}/oncall", headers={"Accept": "application/json"}).json()["levels"]
    page.goto(pager.url)
    page.get_by_role("link", name="All levels").click()
    for number, level in enumerate(levels, start=1):
        section = page.get_by_role("region", name=re.compile(level["name"], re.IGNORECASE))
        expect(section).to_contain_text(level["responders"][0])
        # Without their labels, which a short shift cuts off.
        bars = section.locator("svg.day > svg > rect")
        widths = bars.evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
        whole = section.locator("svg.day").evaluate("one => one.getBoundingClientRect().width")
        assert sum(widths) == pytest.approx(whole, abs=1), f"level {number}"


@pytest.fixture
def with_alertmanager(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """A pager and the Alertmanager that it asks, with the lab's own configuration."""
    executable = program("alertmanager")
    pager_port, port = free_ports(2)
    pager = processes.pager(pager_port, tmp_path, ALERTMANAGER_URL=f"http://127.0.0.1:{port}")
    alertmanager = processes.alertmanager(executable, port, pager_port, tmp_path)
    try:
        pager.start()
        alertmanager.start()
        yield pager, alertmanager
    finally:
        alertmanager.stop()
        pager.stop()


def test_a_silence_is_created_in_alertmanager_and_expired(page: Page, with_alertmanager: tuple[Server, Server]) -> None:
    pager, alertmanager = with_alertmanager

    def active() -> list[dict[str, Any]]:
        silences = httpx.get(f"{alertmanager.url}/api/v2/silences").json()
        return [silence for silence in silences if silence["status"]["state"] == "active"]

    trouble = Trouble(pager)
    at_work(page, trouble)
    page.get_by_text("Silence the alert for a while").click()
    page.get_by_label("Minutes").fill("15")
    page.locator("#do-silence").get_by_label("Reason").fill("we fix it")
    page.get_by_role("button", name="Silence").click()
    expect(page.locator("#do-silence .result")).to_have_text("Silence created.")
    expect(page.locator("article")).to_contain_text(f"Silenced by {ADA}")
    [silence] = active()
    assert silence["createdBy"] == ADA
    assert {(matcher["name"], matcher["value"]) for matcher in silence["matchers"]} == {
        ("alertname", "ErrorRateCritical"),
        ("service", trouble.service),
    }
    lasts = datetime.fromisoformat(silence["endsAt"]) - datetime.fromisoformat(silence["startsAt"])
    assert lasts.total_seconds() == pytest.approx(15 * 60, abs=5)

    page.get_by_role("button", name="Expire the silence").click()
    expect(page.locator("#do-silence .result")).to_have_text("Silence expired.")
    until("the silence is expired", lambda: not active(), 10)
    assert trouble.events()[-2:] == [("silenced", ADA), ("unsilenced", ADA)]


def test_the_page_of_a_cause_lists_what_it_inhibits(page: Page, with_alertmanager: tuple[Server, Server]) -> None:
    pager, alertmanager = with_alertmanager
    labels = [
        {"alertname": "ServiceDown", "role": "cause", "service": "model", "severity": "page"},
        {"alertname": "SlowResponses", "role": "symptom", "service": "model", "severity": "ticket"},
        # Of another service: it has an incident of its own.
        {"alertname": "TrafficSpike", "role": "symptom", "service": "assistant", "severity": "ticket"},
    ]
    alerts = [{"labels": one, "annotations": {"summary": "x"}} for one in labels]
    assert httpx.post(f"{alertmanager.url}/api/v2/alerts", json=alerts).status_code == 200
    page.goto(pager.url)
    page.get_by_role("link", name="ServiceDown", exact=True).click(timeout=30_000)
    inhibited = page.get_by_role("list", name="Inhibited alerts")
    expect(inhibited).to_contain_text("SlowResponses", timeout=30_000)
    expect(inhibited.get_by_role("listitem")).to_have_count(1)
    alertmanager.stop()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("ServiceDown")
    expect(inhibited).to_have_count(0)
