"""The page for everybody: keyboard, small screens, dark and light, names for what cannot be seen; and its headers."""

import re
from itertools import pairwise

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser.access import CONTRASTS
from tests.support.browser.page import LAB_PAGES, Complaints, a_wish, open_page
from tests.support.servers.processes import Server

BUSINESS = "back-bay-dental"
# What a person reaches with the Tab key from the top of the page, in the order of the eye.
FOCUS_ORDER = [
    "Skip to the chat",
    "Refresh",
    "New conversation",
    "Business",
    "Conversation",
    "I need a haircut tomorrow",
    "Find me a dentist this week",
    "Show my appointments",
    "Your message",
    "Send",
    "/health",
]
NAME_OF_FOCUS = """() => {
    const one = document.activeElement;
    const name = one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent
        ?? one.querySelector(".link-name")?.textContent ?? one.textContent;
    return name.replace("(optional)", "").trim();
}"""


def test_a_booking_with_the_keyboard_alone(opened: Page, api: httpx.Client, complaints: Complaints) -> None:
    reached = []
    for _ in FOCUS_ORDER:
        opened.keyboard.press("Tab")
        reached.append(opened.evaluate(NAME_OF_FOCUS))
        ring = opened.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring != "none", f"no visible focus on {reached[-1]}"
    assert reached == FOCUS_ORDER

    opened.keyboard.press("Shift+Tab")
    opened.keyboard.press("Shift+Tab")
    wish, _ = a_wish(api, BUSINESS, last=True)
    for number, message in enumerate((f"{wish} at Back Bay Dental", "Yes, please"), start=1):
        expect(opened.get_by_label("Your message")).to_be_focused()
        opened.keyboard.type(message)
        opened.keyboard.press("Enter")
        expect(opened.locator(".turn.assistant .facts")).to_have_count(number)
    user_id = opened.evaluate("localStorage.getItem('lab-person')")
    (appointment,) = api.get("/appointments", params={"user_id": user_id}).json()["appointments"]
    assert appointment["status"] == "booked"
    assert complaints == []


def test_shift_enter_begins_a_new_line_and_sends_nothing(opened: Page) -> None:
    box = opened.get_by_label("Your message")
    box.focus()
    opened.keyboard.type("one")
    opened.keyboard.press("Shift+Enter")
    opened.keyboard.type("two")
    expect(box).to_have_value("one\ntwo")
    expect(opened.locator(".turn")).to_have_count(0)


def test_the_skip_link_leads_to_the_chat(opened: Page) -> None:
    opened.keyboard.press("Tab")
    expect(opened.get_by_role("link", name="Skip to the chat")).to_be_in_viewport()
    opened.keyboard.press("Enter")
    expect(opened.get_by_label("Your message")).to_be_focused()


def test_answers_and_changes_are_spoken(opened: Page) -> None:
    said = opened.locator("#announcer")
    expect(said).to_have_attribute("role", "status")
    opened.get_by_label("Your message").fill("Hello")
    with opened.expect_response("**/chat") as response:
        opened.keyboard.press("Enter")
    expect(said).to_have_text(re.compile("^Assistant: "))
    expect(said).to_have_text(f"Assistant: {response.value.json()['reply']}")


def test_everything_has_a_name_and_headings_go_step_by_step(opened: Page) -> None:
    levels = opened.locator("h1, h2, h3").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert opened.locator("html").get_attribute("lang") == "en"
    for landmark in ("banner", "main", "navigation"):
        expect(opened.get_by_role(landmark)).to_have_count(1)
    nameless = opened.locator("button, a, select, textarea, [role=region]").evaluate_all(
        "all => all.filter(one => !(one.ariaLabel || one.textContent.trim() && !one.matches('select, textarea')"
        " || one.labels?.length)).map(one => one.outerHTML)"
    )
    assert nameless == []
    assert opened.locator("img:not([alt]), svg:not([aria-hidden])").count() == 0
    ids = opened.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    dangling = opened.locator("[aria-labelledby], [aria-describedby], label[for]").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-labelledby') ?? one.getAttribute('aria-describedby')"
        " ?? one.htmlFor).filter(id => !document.getElementById(id))"
    )
    assert dangling == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_contrasts_with_its_background(page: Page, shared_assistant: Server, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    open_page(page, shared_assistant.url)
    page.get_by_label("Your message").fill("Hello")
    page.keyboard.press("Enter")
    expect(page.locator(".turn.assistant .facts")).to_have_count(1)
    assert _too_faint(page) == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(244, 246, 249)", "dark": "rgb(15, 19, 25)"}[scheme]

    page.context.set_offline(True)
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#figures")).to_have_attribute("data-state", "stale")
    assert _too_faint(page) == []


def _too_faint(page: Page) -> list[dict[str, object]]:
    found = page.evaluate(CONTRASTS)
    assert len(found) > 40
    return [text for text in found if text["ratio"] < 4.5]


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_fits_the_width(page: Page, shared_assistant: Server, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    open_page(page, shared_assistant.url)
    page.get_by_label("Your message").fill("I need a haircut " + "w" * 300)
    page.keyboard.press("Enter")
    expect(page.locator(".turn.assistant .facts")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = page.locator("main *").evaluate_all(
        "(all, width) => all.filter(one => one.checkVisibility() && !one.closest('.hidden')"
        " && one.getBoundingClientRect().right > width + 1).map(one => one.outerHTML.slice(0, 80))",
        width,
    )
    assert cut == []
    if width == 360:
        for name in ("Send", "Refresh", "New conversation"):
            box = page.get_by_role("button", name=name).bounding_box()
            assert box is not None
            assert box["height"] >= 44, f"{name} is too small for a finger"


def test_links_to_every_monitoring_endpoint_work(opened: Page, api: httpx.Client) -> None:
    links = opened.get_by_role("navigation").get_by_role("link")
    addresses = links.evaluate_all("all => all.map(one => one.getAttribute('href'))")
    own = ["/health", "/health/detailed", "/ready", "/metrics", "/openapi.json"]
    assert addresses == own + [f"{address}/" for address in LAB_PAGES.values()]
    for address in own:
        assert api.get(address).status_code == 200
    assert set(links.evaluate_all("all => all.map(one => one.rel)")) == {"noopener"}


def test_the_policy_lets_nothing_foreign_run(opened: Page, api: httpx.Client) -> None:
    page = api.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in page.text
    assert not re.search(r"\son\w+=|\sstyle=", page.text)
    assert api.get("/static/page/main.js").headers["X-Content-Type-Options"] == "nosniff"
    opened.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'taken'";
        document.body.append(script);
    }""")
    assert opened.title().startswith("Booking assistant")
