"""One request can be followed through every signal, and every signal is correct."""

import random
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from lab.query import Line, Trace, wait_for
from tests.support.labs.running import RunningLab
from tests.support.servers.customers import Customer, free_slot, some_business

METRIC_SECONDS = 15
TRACE_SECONDS = 15


def post(url: str, path: str, body: object) -> httpx.Response:
    return httpx.post(url + path, json=body, timeout=30)


def test_counters_equal_what_was_sent(quiet_lab: RunningLab) -> None:
    url = quiet_lab.url("assistant")
    rng = random.Random(20)
    features = {"lead_time_hours": 48, "hour_of_day": 10, "day_of_week": 2, "previous_no_shows": 0}
    before, responses_before = _figures(quiet_lab), _chat_responses(quiet_lab)
    conversation = Customer(url).say("Hello")["conversation_id"]
    kinds: dict[str, tuple[Callable[[], httpx.Response], int]] = {
        "/chat": (lambda: post(url, "/chat", {"message": "Hello"}), 200),
        "/predict": (lambda: post(url, "/predict", features), 200),
        "/feedback": (lambda: post(url, "/feedback", {"conversation_id": conversation, "stars": 4}), 201),
        "/track": (lambda: post(url, "/track", {"business_id": "lab-doctor", "event": "login"}), 202),
        "bad chat": (lambda: post(url, "/chat", {"message": ""}), 422),
        "bad track": (lambda: post(url, "/track", {}), 422),
    }
    sent: Counter[str] = Counter({"/chat": 1})
    for _ in range(200):
        name = rng.choice(list(kinds))
        send, status = kinds[name]
        answer = send()
        assert answer.status_code == status, f"{name}: {answer.status_code} {answer.text}"
        sent[name] += 1
    assert set(sent) == set(kinds)

    expected = {name: float(count) for name, count in sent.items()}
    wait_for(lambda: _grown(before, _figures(quiet_lab)) == expected, METRIC_SECONDS)

    assert _grown(before, _figures(quiet_lab)) == expected
    responses = _chat_responses(quiet_lab) - responses_before
    assert responses == expected["/chat"] + expected["bad chat"], "the histogram counts every response of /chat once"


def _chat_responses(running: RunningLab) -> float:
    query = 'sum(http_server_request_duration_seconds_count{job="assistant", http_route="/chat"})'
    return running.lab.prometheus.value(query)


def _figures(running: RunningLab) -> dict[str, float]:
    prometheus = running.lab.prometheus
    figures = {
        route: prometheus.value(f'sum(ai_requests_total{{route="{route}", outcome="ok"}})')
        for route in ("/chat", "/predict", "/feedback", "/track")
    }
    for name, route in (("bad chat", "/chat"), ("bad track", "/track")):
        figures[name] = prometheus.value(f'sum(ai_rejected_requests_total{{route="{route}"}})')
    return figures


def _grown(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    return {name: now[name] - before[name] for name in now if now[name] != before[name]}


def test_picked_requests_are_in_loki_within_three_seconds(quiet_lab: RunningLab) -> None:
    url = quiet_lab.url("assistant")
    loki = quiet_lab.lab.loki
    for number in range(20):
        trace_id = Customer(url).say(f"Hello, this is request {number}")["trace_id"]
        sent = time.time()

        def lines(trace_id: str = trace_id, sent: float = sent) -> list[Line]:
            return loki.query(f'{{service_name="assistant", kind="access"}} | trace_id="{trace_id}"', sent - 60)

        matches = wait_for(lines, 3)

        assert matches, f"request {number}, trace {trace_id}"
        assert matches[0].metadata["trace_id"] == trace_id


@pytest.mark.usefixtures("traces")
def test_the_span_tree_of_a_booking_is_complete(quiet_lab: RunningLab) -> None:
    trace = _trace_of_a_booking(quiet_lab)

    root = trace.roots()
    assert [span.name for span in root] == ["POST /chat"]
    assert trace.services == ("assistant", "model")
    decide = trace.find("decide")
    tool = trace.find("execute_tool book_appointment")
    calls = [span for span in trace.find("chat ", "assistant") if span.attributes.get("gen_ai.operation.name")]
    answers = trace.find("POST /v1/chat/completions", "model")
    assert decide
    assert len(tool) == 1
    assert len(calls) == len(answers) >= 2, "one call asks for the tool, one makes its result into words"
    assert all(trace_has_ancestor(trace, span.span_id, decide[0].name) for span in calls)
    statements = [span for span in trace.spans if "db.system" in str(span.attributes)]
    assert any(trace_has_ancestor(trace, span.span_id, "execute_tool book_appointment") for span in statements), (
        "the booking's statement is a child of its tool call"
    )
    assert all(span.status != "error" for span in trace.spans)


def trace_has_ancestor(trace: Trace, span_id: str, name: str) -> bool:
    by_id = {span.span_id: span for span in trace.spans}
    parent = by_id[span_id].parent_id
    while parent in by_id:
        if by_id[parent].name == name:
            return True
        parent = by_id[parent].parent_id
    return False


def _trace_of_a_booking(running: RunningLab) -> Trace:
    url = running.url("assistant")
    business = some_business(url, "dentist")
    customer = Customer(url, business_id=business["id"], user_id=f"booker-{time.time_ns()}")
    slot = free_slot(url, business["id"], days_ahead=3)
    reply = customer.say(f"I would like to book an appointment on {slot[:10]} at {slot[11:16]}, please.")
    for _ in range(3):
        if reply["appointment"]:
            break
        reply = customer.say("Yes, please.")
    assert reply["appointment"], reply
    source = running.lab.traces()

    def whole() -> Trace | None:
        trace = source.get(reply["trace_id"])
        return trace if trace and trace.find("POST /chat") and trace.find("execute_tool") else None

    trace = wait_for(whole, TRACE_SECONDS)
    assert trace, f"trace {reply['trace_id']} is not in {source.name}"
    return trace


@pytest.mark.usefixtures("traces")
def test_an_exemplar_leads_to_its_trace(quiet_lab: RunningLab) -> None:
    lab = quiet_lab.lab
    began = time.time()
    trace_id = Customer(quiet_lab.url("assistant"), business_id="lab-doctor").say("Hello")["trace_id"]

    def exemplar() -> str | None:
        exemplars = lab.prometheus.exemplars("ai_response_time_seconds_bucket", began - 5, time.time() + 5)
        return next((one.labels["trace_id"] for one in exemplars if one.labels["trace_id"] == trace_id), None)

    assert wait_for(exemplar, METRIC_SECONDS) == trace_id
    trace = wait_for(lambda: lab.traces().get(trace_id), TRACE_SECONDS)
    assert trace
    assert trace.find("POST /chat", "assistant")


PLANTED = (
    "ada.lovelace@example.org",
    "+1 415-555-0134",
    "(415) 555-0187",
    "415.555.0162",
    "+49 151 23456789",
)


@pytest.mark.usefixtures("traces")
def test_personal_data_reaches_neither_loki_nor_the_spans(quiet_lab: RunningLab) -> None:
    url = quiet_lab.url("assistant")
    began = time.time()
    customer = Customer(url, user_id="grace.hopper@example.org")
    for word in PLANTED:
        customer.say(f"My name is Ada, reach me at {word}. Do you have a dentist in San Jose?")
    # Refused requests are logged too, and a tempting place for what was sent.
    httpx.post(f"{url}/chat", json={"message": 5, PLANTED[0]: PLANTED[1]}, timeout=10)
    httpx.post(f"{url}/track", json={"business_id": PLANTED[0], "event": PLANTED[1]}, timeout=10)
    httpx.get(f"{url}/businesses/{PLANTED[0]}/slots", params={"date": PLANTED[1]}, timeout=10)
    lab = quiet_lab.lab
    last = customer.trace_ids[-1]
    assert wait_for(lambda: lab.loki.query(f'{{service_name="assistant"}} | trace_id="{last}"', began), 10)
    refused = '{service_name="assistant", kind="access"} | status=~"4.."'
    assert wait_for(lambda: len(lab.loki.query(refused, began)) == 3, 10)

    lines = lab.loki.query('{service_name=~".+"}', began - 1, limit=5000)
    traces = [wait_for(lambda t=trace_id: lab.traces().get(t), TRACE_SECONDS) for trace_id in customer.trace_ids]

    assert len(lines) > len(PLANTED)
    assert all(traces)
    everything = repr(lines) + repr(traces)
    for word in (*PLANTED, "grace.hopper"):
        assert word not in everything, f"{word} is in {_around(everything, word)}"


def _around(text: str, word: str) -> str:
    at = text.find(word)
    return text[max(0, at - 300) : at + 100]


def test_index_labels_are_few(quiet_lab: RunningLab) -> None:
    Customer(quiet_lab.url("assistant")).say("Hello")
    line = wait_for(lambda: quiet_lab.lab.loki.query('{service_name="assistant", kind="access"}'), 10)

    assert line
    assert set(line[0].labels) == {"service_name", "service_namespace", "deployment_environment_name", "kind"}


@pytest.mark.parametrize("service", ["assistant", "model", "pager"])
def test_a_service_stays_below_its_share_of_series(quiet_lab: RunningLab, service: str) -> None:
    prometheus = quiet_lab.lab.prometheus

    samples = wait_for(lambda: prometheus.value(f'scrape_samples_scraped{{job="{service}"}}'), METRIC_SECONDS)

    assert samples is not None
    assert 10 < samples <= 2500
