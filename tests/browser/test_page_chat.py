"""The chat box: a person books, sees outcome and trace of each answer, and reads plainly what went wrong."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.support.browser.page import Complaints, a_wish, open_page
from tests.support.servers.processes import Server

BUSINESS = "back-bay-dental"
TRACE_ID = re.compile(r"^[0-9a-f]{32}$")


def say(page: Page, text: str) -> Locator:
    """Send a message as a person does, wait for the answer, and give it back."""
    before = page.locator(".turn.assistant .facts").count()
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn.assistant .facts")).to_have_count(before + 1)
    return page.locator(".turn.assistant").last


def booked(client: httpx.Client, user_id: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = client.get("/appointments", params={"user_id": user_id}).json()["appointments"]
    return found


def test_a_person_books_by_chatting(opened: Page, api: httpx.Client, complaints: Complaints) -> None:
    user_id = opened.evaluate("localStorage.getItem('lab-person')")
    assert user_id is None, "a new browser has no id"
    opened.get_by_label("Business").select_option(BUSINESS)
    wish, starts_at = a_wish(api, BUSINESS)
    say(opened, wish)
    answer = say(opened, "Yes, please")

    user_id = opened.evaluate("localStorage.getItem('lab-person')")
    (appointment,) = booked(api, user_id)
    assert appointment["business_id"] == BUSINESS
    assert (appointment["status"], appointment["starts_at"]) == ("booked", starts_at)
    note = answer.locator(".appointment")
    expect(note).to_contain_text("Booked:")
    expect(note).to_contain_text("Back Bay Dental")
    # The clock of the business, in any zone of the browser: the service's answer has the hour.
    expect(note).to_contain_text(starts_at[11:16])
    expect(answer.locator(".badge")).to_have_text("Answered")
    assert TRACE_ID.match(answer.locator(".trace-id").inner_text())
    opened.get_by_role("button", name="Refresh").click()
    expect(opened.locator('[data-card="appointments"] [data-part="value"]')).to_have_text(
        str(api.get("/stats").json()["appointments"]["booked"])
    )
    assert complaints == []


def test_a_conversation_goes_on_until_a_new_one_is_begun(opened: Page) -> None:
    sent: list[dict[str, str]] = []

    def keep(request: Request) -> None:
        if request.method == "POST":
            sent.append(json.loads(request.post_data or ""))

    opened.on("request", keep)
    say(opened, "Hello")
    with opened.expect_response("**/chat") as second:
        say(opened, "I need a haircut")
    assert "conversation_id" not in sent[0]
    assert sent[1]["conversation_id"] == second.value.json()["conversation_id"]
    assert sent[0]["user_id"] == sent[1]["user_id"]

    opened.get_by_role("button", name="New conversation").click()
    expect(opened.locator(".turn")).to_have_count(0)
    expect(opened.get_by_label("Your message")).to_be_focused()
    say(opened, "Hello again")
    assert "conversation_id" not in sent[2]
    assert sent[2]["user_id"] == sent[0]["user_id"]


def test_each_answer_has_a_trace_id_to_copy_and_to_open(opened: Page, shared_assistant: Server) -> None:
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shared_assistant.url)
    with opened.expect_response("**/chat") as response:
        answer = say(opened, "Hello")
    trace_id = response.value.json()["trace_id"]
    expect(answer.locator(".trace-id")).to_have_text(trace_id)
    assert response.value.headers["x-trace-id"] == trace_id

    answer.get_by_role("button", name="Copy trace id").click()
    expect(answer.get_by_role("button", name="Copied trace id")).to_be_visible()
    expect(opened.locator("#announcer")).to_have_text("Trace id copied.")
    assert opened.evaluate("navigator.clipboard.readText()") == trace_id

    address = urlsplit(answer.get_by_role("link", name="Open trace in Grafana").get_attribute("href") or "")
    assert f"{address.scheme}://{address.netloc}{address.path}" == "http://127.0.0.1:3000/explore"
    asked = parse_qs(address.query)
    (pane,) = json.loads(asked["panes"][0]).values()
    assert asked["schemaVersion"] == ["1"]
    assert pane["datasource"] == "tempo"
    assert pane["queries"] == [
        {"refId": "A", "datasource": {"type": "tempo", "uid": "tempo"}, "queryType": "traceql", "query": trace_id}
    ]
    assert int(pane["range"]["from"]) < int(pane["range"]["to"])


def test_a_refused_message_is_shown_as_the_problem_document_says(opened: Page) -> None:
    # A business that went away after the list was read.
    opened.get_by_label("Business").evaluate("list => list.add(new Option('Gone', 'gone', true, true))")
    with opened.expect_response("**/chat") as response:
        answer = say(opened, "I need a cleaning")
    problem = response.value.json()
    assert response.value.status == 404
    expect(answer).to_contain_text(problem["title"])
    expect(answer).to_contain_text(problem["detail"])
    expect(answer.locator(".badge")).to_have_text("Error 404")
    expect(answer.locator(".trace-id")).to_have_text(problem["trace_id"])


def test_wrong_fields_are_named(opened: Page) -> None:
    def corrupt(route: Route) -> None:
        route.continue_(post_data=json.dumps({"message": 7}))

    opened.route("**/chat", corrupt)
    with opened.expect_response("**/chat") as response:
        answer = say(opened, "Hello")
    (wrong,) = response.value.json()["errors"]
    expect(answer.locator(".bubble li")).to_have_text(f"{wrong['field']}: {wrong['message']}")


def test_a_conversation_that_the_service_forgot_does_not_block_the_person(opened: Page) -> None:
    say(opened, "Hello")
    unknown = "00000000-0000-4000-8000-000000000000"

    def forget(route: Route) -> None:
        body = {**json.loads(route.request.post_data or ""), "conversation_id": unknown}
        route.continue_(post_data=json.dumps(body))

    opened.route("**/chat", forget, times=1)
    expect(say(opened, "I need a haircut")).to_contain_text("Unknown conversation")
    expect(opened.get_by_label("Your message")).to_have_value("I need a haircut")
    with opened.expect_request("**/chat") as request:
        expect(say(opened, "I need a haircut").locator(".badge").first).to_have_text("Answered")
    assert "conversation_id" not in json.loads(request.value.post_data or "")


def test_an_answer_without_the_model_says_so(page: Page, fresh_assistant: Server, model: Server) -> None:
    open_page(page, fresh_assistant.url)
    model.stop()
    try:
        first = say(page, "I need a haircut")
        expect(first.locator(".badge")).to_have_text(["Fallback answer"])
        second = say(page, "Please")
        expect(second.locator(".badge")).to_have_text(["Fallback answer", "A person takes over"])
    finally:
        model.start()


def test_a_message_that_was_not_delivered_is_kept(opened: Page) -> None:
    opened.context.set_offline(True)
    answer = say(opened, "I need a haircut")
    expect(answer).to_contain_text("The assistant cannot be reached")
    expect(answer.locator(".badge")).to_have_text("Not sent")
    expect(opened.get_by_label("Your message")).to_have_value("I need a haircut")
    opened.context.set_offline(False)
    expect(say(opened, "I need a haircut").locator(".badge").first).to_have_text("Answered")


def test_markup_in_a_message_stays_text(opened: Page, complaints: Complaints) -> None:
    text = "<img src=x onerror=document.title='taken'><b>bold</b>"
    say(opened, text)
    expect(opened.locator(".turn.user .said")).to_have_text(text)
    expect(opened.locator(".turn img, .turn b")).to_have_count(0)
    assert opened.title().startswith("Booking assistant")
    assert complaints == []


def test_a_late_answer_does_not_enter_the_next_conversation(opened: Page) -> None:
    held: list[Route] = []
    opened.route("**/chat", lambda route: held.append(route), times=1)  # noqa: PLW0108 - it looks at the signature
    opened.get_by_label("Your message").fill("Hello")
    opened.get_by_role("button", name="Send").click()
    expect(opened.locator(".waiting")).to_be_visible()
    opened.get_by_role("button", name="New conversation").click()
    with opened.expect_response("**/chat"):
        held[0].continue_()
    expect(say(opened, "A second hello").locator(".badge").first).to_have_text("Answered")
    expect(opened.locator(".turn")).to_have_count(2)


def test_businesses_can_be_chosen_and_the_labs_own_probe_is_not_among_them(opened: Page, api: httpx.Client) -> None:
    known = {business["id"] for business in api.get("/businesses", params={"limit": 200}).json()["businesses"]}
    options = opened.get_by_label("Business").locator("option")
    expect(options).to_have_count(len(known) + 1)
    shown = set(options.evaluate_all("all => all.map(one => one.value)"))
    assert shown == known | {""}
    groups = opened.get_by_label("Business").locator("optgroup")
    assert groups.evaluate_all("all => all.map(one => one.label)") == ["Dentist", "Doctor", "Hair", "Therapist"]
