"""The ten cards: they show the service's values, stay up to date, and show when it does not answer."""

import re
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser.page import Complaints, open_page
from tests.support.servers.processes import Server

CARDS = ["status", "uptime", "requests", "errors", "system", "database", "appointments", "handoffs", "tokens", "cost"]
NO_FIGURE = "\N{EN DASH}"
GREEN, YELLOW, RED = "rgb(23, 116, 63)", "rgb(217, 154, 0)", "rgb(179, 38, 30)"


def part(page: Page, card: str, name: str) -> Locator:
    return page.locator(f'[data-card="{card}"] [data-part="{name}"]')


def stop_the_clock(page: Page) -> None:
    """Time passes in the page only when the test says so; a busy machine cannot set off a timer in between."""
    page.clock.install(time=datetime(2027, 1, 1, 12, 0, tzinfo=UTC))
    page.clock.pause_at(datetime(2027, 1, 1, 12, 0, 1, tzinfo=UTC))


def answers(url: str, *, good: int, bad: int) -> None:
    """Bring the service to so many answers below 400 and of 400 and above."""
    with httpx.Client(base_url=url, timeout=10) as client:
        for _ in range(good):
            assert client.get("/businesses", params={"limit": 1}).status_code == 200
        for _ in range(bad):
            assert 400 <= client.post("/track", json={}).status_code < 500


def requests_so_far(url: str) -> dict[str, float]:
    found: dict[str, float] = httpx.get(f"{url}/health/detailed", timeout=10).json()["requests"]
    return found


def test_there_are_ten_cards_with_a_heading_each(opened: Page) -> None:
    assert opened.locator("[data-card]").evaluate_all("all => all.map(one => one.dataset.card)") == CARDS
    for card in CARDS:
        expect(opened.locator(f'[data-card="{card}"] h3')).to_be_visible()
        expect(part(opened, card, "value")).not_to_have_text(NO_FIGURE)


def test_cards_show_what_the_service_says(opened: Page, api: httpx.Client, complaints: Complaints) -> None:
    answers(str(api.base_url), good=2, bad=1)
    opened.get_by_role("button", name="Refresh").click()
    health, stats = api.get("/health/detailed").json(), api.get("/stats").json()
    requests = health["requests"]
    assert requests["total"] >= 3

    expect(part(opened, "requests", "value")).to_have_text(f"{requests['total']:,}")
    expect(part(opened, "status", "value")).to_have_text("Healthy")
    expect(part(opened, "status", "note")).to_have_text("assistant, version 9.9.9")
    expect(opened.locator("#environment")).to_contain_text("browser-test")
    rate = f"{requests['error_rate_percent']:.2f}".rstrip("0").rstrip(".")
    expect(part(opened, "errors", "value")).to_have_text(f"{rate} %")
    expect(part(opened, "errors", "note")).to_have_text(
        f"{requests['failed']} of {requests['total']}: counts every answer of 400 and above"
    )
    expect(part(opened, "uptime", "value")).to_have_text(re.compile(r"^(\d+ min )?\d+ s$"))
    expect(part(opened, "system", "note")).to_contain_text(f"process {health['system']['process_id']}")
    shown_memory = float(part(opened, "system", "value").inner_text().removesuffix(" MB"))
    assert shown_memory == pytest.approx(health["system"]["memory_usage_mb"], rel=0.2)
    expect(part(opened, "database", "value")).to_have_text("Connected")
    expect(part(opened, "tokens", "value")).to_have_text(f"{sum(stats['tokens'].values()):,}")
    expect(part(opened, "cost", "value")).to_have_text(re.compile(r"^\$\d+\.\d+$"))
    expect(part(opened, "appointments", "value")).to_have_text(str(stats["appointments"]["booked"]))
    expect(part(opened, "handoffs", "value")).to_have_text(str(stats["handoffs"]))
    assert complaints == []


def test_the_button_reads_again(opened: Page, api: httpx.Client) -> None:
    answers(str(api.base_url), good=3, bad=0)
    total = int(requests_so_far(str(api.base_url))["total"])
    expect(part(opened, "requests", "value")).not_to_have_text(f"{total:,}")
    opened.get_by_role("button", name="Refresh").click()
    expect(part(opened, "requests", "value")).to_have_text(f"{total:,}")
    expect(opened.locator("#announcer")).to_have_text("Figures updated.")


def test_figures_are_read_every_ten_seconds(page: Page, shared_assistant: Server) -> None:
    stop_the_clock(page)
    open_page(page, shared_assistant.url)
    reads: list[str] = []
    page.on("request", lambda request: reads.append(request.url))
    answers(shared_assistant.url, good=3, bad=0)
    total = int(requests_so_far(shared_assistant.url)["total"])

    page.clock.run_for(9_900)
    assert not [url for url in reads if url.endswith("/health/detailed")]
    expect(part(page, "requests", "value")).not_to_have_text(f"{total:,}")
    page.clock.run_for(200)
    expect(part(page, "requests", "value")).to_have_text(f"{total:,}")
    with page.expect_response("**/health/detailed"):
        page.clock.run_for(10_000)


def test_a_hidden_page_asks_for_nothing_and_catches_up_when_it_is_seen(page: Page, shared_assistant: Server) -> None:
    stop_the_clock(page)
    open_page(page, shared_assistant.url)
    # Headless Chromium never hides a page by itself: set the property and send the event, as a browser does.
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    reads: list[str] = []
    page.on("request", lambda request: reads.append(request.url))
    page.clock.run_for(60_000)
    assert reads == []
    with page.expect_response("**/health/detailed"):
        page.evaluate(hide, False)


@pytest.mark.parametrize(
    ("bad", "level", "word", "colour"),
    [
        (4, "good", "Good", GREEN),
        (5, "watch", "Watch", YELLOW),
        (7, "watch", "Watch", YELLOW),
        (10, "watch", "Watch", YELLOW),
        (12, "bad", "Critical", RED),
    ],
)
def test_error_rate_has_its_colour_and_its_word(
    page: Page,
    level_assistant: Server,
    *,
    bad: int,
    level: str,
    word: str,
    colour: str,
) -> None:
    page.emulate_media(color_scheme="light")
    open_page(page, level_assistant.url)
    # The page's own two requests were counted too: fill up to a round number, with so many bad ones in it.
    so_far = requests_so_far(level_assistant.url)
    total = 100 * (int(so_far["total"]) // 100 + 1)
    failed = bad * total // 100 - int(so_far["failed"])
    assert failed >= 0, "the cases must rise"
    answers(level_assistant.url, good=total - int(so_far["total"]) - failed, bad=failed)

    page.get_by_role("button", name="Refresh").click()
    expect(part(page, "errors", "value")).to_have_text(f"{bad} %")
    expect(page.locator('[data-card="errors"]')).to_have_attribute("data-level", level)
    expect(part(page, "errors", "badge")).to_have_text(word)
    assert part(page, "errors", "bar").evaluate("bar => getComputedStyle(bar).fill") == colour
    width = float(part(page, "errors", "bar").get_attribute("width") or 0)
    assert width == pytest.approx(bad * 10), "the bar ends at 20 % and is 200 wide"


def test_a_stopped_service_is_said_plainly_and_found_again(page: Page, fresh_assistant: Server) -> None:
    stop_the_clock(page)
    open_page(page, fresh_assistant.url)
    banner, figures = page.get_by_role("alert"), page.locator("#figures")
    expect(banner).to_have_text("")
    total = part(page, "requests", "value").inner_text()
    framed = page.locator('[data-card="requests"]')
    assert framed.evaluate("card => getComputedStyle(card).borderStyle") == "solid"

    fresh_assistant.stop()
    page.clock.run_for(10_000)
    expect(banner).to_contain_text("The assistant cannot be reached.")
    expect(banner).to_contain_text("Trying again every 10 seconds.")
    expect(figures).to_have_attribute("data-state", "stale")
    expect(part(page, "status", "value")).to_have_text("Not reachable")
    # The last figures stay, marked as old without the help of colour.
    expect(part(page, "requests", "value")).to_have_text(total)
    assert framed.evaluate("card => getComputedStyle(card).borderStyle") == "dashed"
    expect(page.locator("#updated")).to_contain_text("Last updated")

    fresh_assistant.start()
    page.clock.run_for(10_000)
    expect(figures).to_have_attribute("data-state", "fresh")
    expect(banner).to_have_text("")
    expect(part(page, "status", "value")).to_have_text("Healthy")
    expect(page.locator("#announcer")).to_have_text("The assistant can be reached again.")


def test_figures_that_are_missing_do_not_hide_the_others(page: Page, shared_assistant: Server) -> None:
    problem = '{"type":"/problems/x","title":"Out of order","status":500,"detail":"No figures today."}'
    page.route("**/stats", lambda route: route.fulfill(status=500, body=problem))
    open_page(page, shared_assistant.url)
    expect(part(page, "status", "value")).to_have_text("Healthy")
    expect(part(page, "cost", "value")).to_have_text(NO_FIGURE)
    expect(part(page, "cost", "note")).to_have_text("not available: No figures today.")


def test_a_service_that_answers_with_an_error_is_not_called_unreachable(page: Page, shared_assistant: Server) -> None:
    open_page(page, shared_assistant.url)
    page.route("**/health/detailed", lambda route: route.fulfill(status=500, body='{"title":"Internal error"}'))
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text("its metrics are unavailable: Internal error (500)")
    expect(part(page, "status", "value")).to_have_text("Unavailable")
