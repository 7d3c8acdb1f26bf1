"""When the model fails: the user still gets an answer, in time, and all three signals show it."""

import time

import pytest

from services.assistant.resilience import CircuitBreaker, CircuitOpenError, CircuitState, remaining_seconds, time_budget
from tests.support.servers.openai_stub import called, said

BUSINESS = "bayview-dental-care"


def test_a_short_failure_is_not_seen_by_the_user(service, model) -> None:
    model.fail(503, times=2)
    model.say("Here I am.")
    assert service.say()["reply"] == "Here I am."
    assert service.sample("ai_retries_total", target="model", reason="server_error") == 2
    assert [line["reason"] for line in service.lines("model.retry")] == ["server_error"] * 2
    assert [event.name for event in service.span("decide").events] == ["retry", "retry"]
    failed = [span for span in service.spans.get_finished_spans() if span.attributes.get("error.type") == "503"]
    assert "chat lab-small" in {span.name for span in failed}


def test_a_fallback_is_counted_with_telemetry_off(start, model) -> None:
    service = start(telemetry_off=True)
    model.fail(503, times=100)
    assert service.say(business_id="lab-doctor")["outcome"] == "fallback"
    counts = {
        outcome: service.sample("ai_requests_total", route="/chat", outcome=outcome, business_id="lab-doctor")
        for outcome in ("ok", "fallback", "error")
    }
    assert counts == {"ok": 0, "fallback": 1, "error": 0}


def test_an_outage_is_answered_by_a_fallback_then_by_a_human(service, model) -> None:
    model.fail(503, times=100)
    first = service.say()
    assert (first["outcome"], first["handoff"]) == ("fallback", False)
    assert len(model.requests) == 3
    assert service.sample("ai_fallbacks_total", reason="provider_error") == 1
    assert service.sample("ai_requests_total", route="/chat", outcome="fallback", business_id="none") == 1
    second = service.say(conversation_id=first["conversation_id"])
    assert (second["outcome"], second["handoff"]) == ("fallback", True)
    assert service.sample("ai_handoffs_total", reason="error") == 1
    assert [line["reason"] for line in service.lines("chat.fallback")] == ["provider_error", "circuit_open"]
    assert "fallback" in [event.name for event in service.span("POST /chat").events]


def test_the_circuit_opens_saves_the_calls_and_closes_again(start, model) -> None:
    service = start(circuit_failures=3, circuit_reset_seconds=0.2)
    model.fail(503, times=3)
    service.say()
    assert service.sample("ai_circuit_breaker_state", target="model") == 2
    assert service.say()["outcome"] == "fallback"
    assert len(model.requests) == 3
    assert service.sample("ai_fallbacks_total", reason="circuit_open") == 1
    deadline = time.monotonic() + 5
    while service.say()["outcome"] != "ok" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert service.sample("ai_circuit_breaker_state", target="model") == 0
    events = [line["event"] for line in service.lines() if line["event"].startswith("circuit.")]
    assert events == ["circuit.open", "circuit.half_open", "circuit.closed"]


def test_throttling_waits_as_long_as_asked_and_leaves_the_circuit_closed(start, model) -> None:
    service = start(circuit_failures=1)
    model.fail(429, Retry_After="0.3")
    began = time.monotonic()
    assert service.say()["outcome"] == "ok"
    assert time.monotonic() - began >= 0.3
    assert service.sample("ai_circuit_breaker_state", target="model") == 0
    model.fail(429, Retry_After="60")
    began = time.monotonic()
    assert service.say()["outcome"] == "fallback"
    assert time.monotonic() - began < 2
    assert service.sample("ai_fallbacks_total", reason="throttled") == 1
    labels = {"gen_ai_operation_name": "chat", "gen_ai_request_model": "lab-small", "error_type": "429"}
    assert service.sample("gen_ai_client_operation_duration_seconds_count", **labels) == 2


def test_a_model_that_hangs_costs_no_more_than_the_budget(start, model) -> None:
    service = start(chat_budget_seconds=1.0)
    release = model.hang()
    began = time.monotonic()
    answer = service.say()
    seconds = time.monotonic() - began
    release.set()
    assert answer["outcome"] == "fallback"
    assert 0.4 < seconds < 10  # the stub would hang for 30 s
    assert service.sample("ai_fallbacks_total", reason="budget") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"message": {}}]}',
        b'{"choices": "x"}',
        b"[" * 9999,
    ],
)
def test_an_answer_that_makes_no_sense_is_a_failure_of_the_provider(service, model, body: bytes) -> None:
    model.raw(body)
    assert service.say()["outcome"] == "fallback"


def failures(service, kind: str) -> float:
    labels = {"gen_ai_operation_name": "chat", "gen_ai_request_model": "lab-small", "error_type": kind}
    return service.sample("gen_ai_client_operation_duration_seconds_count", **labels) or 0


@pytest.mark.parametrize("content", ["", " \n", None])
def test_an_empty_and_a_broken_answer_have_different_error_types(service, model, content: str | None) -> None:
    model.queue.append(said(content))
    assert service.say()["outcome"] == "fallback"
    assert failures(service, "empty_answer") == 1
    model.raw(b"{")
    assert service.say()["outcome"] == "fallback"
    assert (failures(service, "empty_answer"), failures(service, "malformed_answer")) == (1, 1)
    assert [line["error_type"] for line in service.lines("model.failed")] == ["empty_answer", "malformed_answer"]
    assert service.sample("ai_fallbacks_total", reason="provider_error") == 2


def test_markup_that_cannot_be_read_is_a_fallback_with_its_own_error_type(service, model) -> None:
    model.say('<tool_call>{"name": "cancel_appointment", "argum')
    answer = service.say()
    assert (answer["outcome"], "tool_call" in answer["reply"]) == ("fallback", False)
    assert failures(service, "unreadable_markup") == 1
    assert [line["error_type"] for line in service.lines("chat.fallback")] == ["unreadable_markup"]
    assert service.sample("ai_fallbacks_total", reason="provider_error") == 1


def test_an_answer_that_is_cut_is_asked_for_again(service, model) -> None:
    model.cut()
    model.say("All of it.")
    assert service.say()["reply"] == "All of it."
    assert failures(service, "RemoteProtocolError") == 1
    model.cut(times=3)
    assert service.say()["outcome"] == "fallback"
    assert len(model.requests) == 5


def test_a_wrong_key_is_not_tried_again(service, model) -> None:
    model.fail(401)
    assert service.say()["outcome"] == "fallback"
    assert len(model.requests) == 1


def test_what_was_done_before_the_failure_is_confirmed(service, model) -> None:
    model.call("book_appointment", business_id=BUSINESS, starts_at=service.free(BUSINESS))
    model.fail(503, times=3)
    answer = service.say(user_id="ann")
    assert (answer["outcome"], answer["handoff"]) == ("fallback", False)
    assert "is booked for" in answer["reply"]
    assert answer["appointment"]["status"] == "booked"


def test_a_text_that_no_database_takes_is_cleaned(service, model) -> None:
    model.say("a\0b \ud800c")
    assert service.say()["reply"] == "ab c"


def test_the_inner_budget_never_outlasts_the_outer() -> None:
    with time_budget(0.5), time_budget(60):
        assert 0 < remaining_seconds() <= 0.5


def test_one_trial_call_at_a_time() -> None:
    now, changes = [0.0], []
    breaker = CircuitBreaker(2, 10, lambda old, new: changes.append(new), clock=lambda: now[0])
    for _ in range(2):
        breaker.before_call()
        breaker.failed()
    with pytest.raises(CircuitOpenError):
        breaker.before_call()
    now[0] = 10
    breaker.before_call()
    with pytest.raises(CircuitOpenError):
        breaker.before_call()
    breaker.failed()
    assert breaker.state is CircuitState.OPEN
    now[0] = 20
    breaker.before_call()
    breaker.succeeded()
    assert changes == [
        CircuitState.OPEN,
        CircuitState.HALF_OPEN,
        CircuitState.OPEN,
        CircuitState.HALF_OPEN,
        CircuitState.CLOSED,
    ]


def test_calls_of_the_model_run_side_by_side(service, model) -> None:
    """The reason for a breaker of our own: pybreaker holds a lock while the call runs."""
    import threading  # noqa: PLC0415

    both = threading.Barrier(2, timeout=5)

    def brain(request):
        both.wait()
        return said("Together.")

    model.brain = brain
    replies: list[str] = []
    threads = [threading.Thread(target=lambda: replies.append(service.say()["reply"])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert replies == ["Together.", "Together."]


def test_tools_are_called_again_only_by_the_model(service, model) -> None:
    """A retry repeats the question to the model, never what a tool did."""
    slot = service.free(BUSINESS)
    model.queue.append(called(("book_appointment", {"business_id": BUSINESS, "starts_at": slot})))
    model.fail(503, times=2)
    model.say("Booked.")
    assert service.say(user_id="ann")["outcome"] == "ok"
    assert len(service.client.get("/appointments?user_id=ann").get_json()["appointments"]) == 1
