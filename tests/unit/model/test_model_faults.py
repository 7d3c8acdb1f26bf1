"""Faults and latency: switched by the admin API, reported as the OpenAI API reports them."""

import itertools
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.model import bad_responses, connection, tokens
from services.model.app import create_app
from services.model.latency import Latency, draw_long_tail
from services.model.settings import ModelSettings

KEY = {"Authorization": "Bearer any"}
ADMIN = {"Authorization": "Bearer a-token"}


@pytest.fixture
def switch(client: FlaskClient) -> Any:
    """Switch a fault on."""

    def post(fault: str, **members: Any) -> Any:
        answer = client.post("/admin/faults", json={"fault": fault, "duration_seconds": 60, **members}, headers=ADMIN)
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.get_json()

    yield post
    client.delete("/admin/faults", headers=ADMIN)


def test_there_are_ten_faults_for_every_call_or_one_model(client: FlaskClient) -> None:
    available = client.get("/admin/faults", headers=ADMIN).get_json()["available"]
    assert {fault["name"] for fault in available} == {
        *("errors", "throttle", "hang", "latency", "cut", "empty", "malformed", "unsafe", "poor", "long")
    }
    assert all(fault["dimensions"] == ["model"] and fault["description"] for fault in available)


def test_a_fault_of_one_model_and_of_an_unknown_model(ask: Any, switch: Any, client: FlaskClient) -> None:
    switch("errors", target="model=lab-small")
    assert ask().status_code == 503
    body = {"fault": "errors", "duration_seconds": 5, "target": "model=lab-smal"}
    answer = client.post("/admin/faults", json=body, headers=ADMIN)
    assert answer.status_code == 422
    assert "Did you mean lab-small?" in answer.get_json()["detail"]


def test_the_admin_api_needs_its_own_token(client: FlaskClient) -> None:
    assert client.get("/admin/faults", headers={"Authorization": "Bearer any"}).status_code == 401


@pytest.mark.parametrize("status", [500, 503])
def test_errors(ask: Any, switch: Any, client: FlaskClient, status: int) -> None:
    switch("errors", parameters={"status": status})
    answer = ask()
    assert answer.status_code == status
    assert set(answer.get_json()["error"]) == {"message", "type", "param", "code"}
    assert client.delete("/admin/faults/errors", headers=ADMIN).status_code == 204
    assert ask().status_code == 200


def test_throttling_has_retry_after(ask: Any, switch: Any) -> None:
    switch("throttle", parameters={"retry_after": 7})
    answer = ask()
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert answer.get_json()["error"]["code"] == "rate_limit_exceeded"


def test_a_fault_with_intensity_hits_some_requests(ask: Any, switch: Any) -> None:
    switch("errors", intensity=0.5)
    statuses = [ask().status_code for _ in range(40)]
    assert set(statuses) == {200, 503}


def test_a_fault_spares_models_list_and_health(client: FlaskClient, switch: Any) -> None:
    switch("errors")
    assert client.get("/v1/models", headers={"Authorization": "Bearer any"}).status_code == 200
    assert client.get("/ready").status_code == 200


def test_wrong_parameters_are_refused(client: FlaskClient) -> None:
    body = {"fault": "latency", "duration_seconds": 5, "parameters": {"seconds": 1000}}
    assert client.post("/admin/faults", json=body, headers=ADMIN).status_code == 422


def test_latency_follows_the_tokens() -> None:
    slept: list[float] = []
    latency = Latency(0.25, 100, slept.append)
    latency.wait_for_first_token()
    latency.wait_for_tokens(50)
    assert slept == [0.25, 0.5]


def test_latency_is_off_at_zero() -> None:
    def never(_: float) -> None:
        raise AssertionError("slept")

    latency = Latency(0, 0, never)
    latency.wait_for_first_token()
    latency.wait_for_tokens(50)


@pytest.mark.parametrize("stream", [False, True])
def test_the_latency_fault_delays_the_first_token(ask: Any, switch: Any, stream: bool) -> None:
    switch("latency", parameters={"seconds": 0.4})
    started = time.monotonic()
    answer = ask(stream=stream)
    assert (answer.status_code, 0.4 <= time.monotonic() - started < 2) == (200, True)


def test_a_long_tail_has_the_mean_and_an_end() -> None:
    rng = Random(1)
    drawn = sorted(draw_long_tail(1.0, rng) for _ in range(20_000))
    assert sum(drawn) / len(drawn) == pytest.approx(1.0, rel=0.05)
    assert drawn[10_000] == pytest.approx(0.6, abs=0.05)
    assert drawn[19_800] > 5
    assert drawn[-1] <= 10
    assert max(draw_long_tail(60, rng) for _ in range(100)) == 60


def test_the_latency_fault_has_an_optional_long_tail(ask: Any, switch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(connection, "wait", lambda seconds, *_: waited.append(seconds))
    switch("latency", parameters={"seconds": 2})
    ask()
    switch("latency", parameters={"seconds": 2, "tail": "long"})
    for _ in range(50):
        ask()
    assert waited[0] == 2
    assert len(set(waited[1:])) == 50
    assert min(waited) < 1
    assert max(waited) > 4


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection: the server's end and the client's."""
    server, client = socket.socketpair()
    client.settimeout(5)
    with server, client:
        yield server, client


Line = tuple[socket.socket, socket.socket]


def call(client: FlaskClient, server: socket.socket, **members: Any) -> Any:
    body = {"model": "lab-small", "messages": [{"role": "user", "content": "hello"}], **members}
    overrides = {"gunicorn.socket": server}
    return client.post("/v1/chat/completions", json=body, headers=KEY, environ_overrides=overrides)


def test_a_call_hangs_until_its_seconds_are_over(client: FlaskClient, switch: Any, line: Line) -> None:
    switch("hang", parameters={"seconds": 0.5})
    started = time.monotonic()
    assert call(client, line[0]).status_code == 504
    assert 0.5 <= time.monotonic() - started < 2


@pytest.mark.parametrize("fault", ["hang", "latency"])
def test_a_wait_ends_when_the_client_disconnects(client: FlaskClient, switch: Any, line: Line, fault: str) -> None:
    switch(fault, parameters={"seconds": 30})
    line[1].close()
    started = time.monotonic()
    assert call(client, line[0]).status_code == 499
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("fault", ["hang", "latency"])
def test_a_waiting_call_gets_its_response_when_the_fault_ends(
    client: FlaskClient, app: Flask, switch: Any, line: Line, fault: str
) -> None:
    switch(fault, parameters={"seconds": 30})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, app.test_client(), line[0])
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        client.delete("/admin/faults", headers=ADMIN)
        assert waiting.result(timeout=5).status_code == 200


def test_half_of_the_threads_hang_at_most(app: Flask, switch: Any, client: FlaskClient) -> None:
    switch("hang", parameters={"seconds": 30})
    body = {"model": "lab-small", "messages": [{"role": "user", "content": "hello"}]}
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(app.test_client().post, "/v1/chat/completions", json=body, headers=KEY) for _ in range(20)]
        refused = [one.result(timeout=10) for one in itertools.islice(as_completed(calls, timeout=10), 4)]
        assert {one.status_code for one in refused} == {503}
        client.delete("/admin/faults", headers=ADMIN)
        statuses = Counter(one.result(timeout=10).status_code for one in calls)
    assert statuses == {200: 16, 503: 4}
    switch("hang", parameters={"seconds": 0.1})
    assert client.post("/v1/chat/completions", json=body, headers=KEY).status_code == 504, (
        "ended calls release their places"
    )


def test_a_cut_response_is_incomplete(client: FlaskClient, switch: Any, line: Line) -> None:
    whole = call(client, line[0]).get_data()
    switch("cut")
    answer = call(client, line[0])
    got = answer.get_data()
    assert whole.startswith(got[:60])
    assert len(got) < int(answer.headers["Content-Length"]) == len(whole)
    assert line[1].recv(1) == b""  # the server has closed the connection


def test_a_cut_stream_is_incomplete(client: FlaskClient, switch: Any, line: Line) -> None:
    switch("cut")
    text = call(client, line[0], stream=True).get_data(as_text=True)
    assert text.count("data: ") == 2
    assert "[DONE]" not in text
    assert line[1].recv(1) == b""


def message(answer: Any) -> tuple[Any, Any]:
    choice = answer.get_json()["choices"][0]
    return choice["message"].get("content"), choice["finish_reason"]


def streamed(answer: Any) -> str:
    lines = [line.removeprefix("data: ") for line in answer.get_data(as_text=True).split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines[:-1]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_an_empty_answer(ask: Any, switch: Any) -> None:
    switch("empty")
    answer = ask()
    assert message(answer) == ("", "stop")
    assert answer.get_json()["usage"]["completion_tokens"] == 0
    assert streamed(ask(stream=True)) == ""


def test_a_malformed_answer(ask: Any, switch: Any) -> None:
    switch("malformed")
    answer = ask()
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.get_data())
    events = ask(stream=True).get_data(as_text=True).split("\n\n")
    for event in filter(None, events):
        assert event.startswith("data: ")
        with pytest.raises(json.JSONDecodeError):
            json.loads(event.removeprefix("data: "))


@pytest.mark.parametrize(("fault", "texts"), [("unsafe", bad_responses.UNSAFE), ("poor", bad_responses.POOR)])
def test_bad_responses(ask: Any, switch: Any, fault: str, texts: tuple[str, ...]) -> None:
    switch(fault)
    assert {message(ask()) for _ in range(60)} == {(text, "stop") for text in texts}
    assert streamed(ask(stream=True)) in texts


def test_unsafe_texts_are_marked_as_samples() -> None:
    assert all(text.startswith("[lab sample] ") for text in bad_responses.UNSAFE)


def test_a_long_response(ask: Any, switch: Any) -> None:
    usual = message(ask())[0]
    switch("long", parameters={"tokens": 300})
    answer = ask()
    text, finish = message(answer)
    assert finish == "length"
    assert text.startswith(usual)
    assert answer.get_json()["usage"]["completion_tokens"] == 300 == tokens.count(text)
    assert streamed(ask(stream=True)) == text
    switch("long", parameters={"tokens": 4096})
    assert ask().get_json()["usage"]["completion_tokens"] == 4096


TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("fault", "called"), [("unsafe", True), ("long", True), ("poor", False), ("empty", False), ("latency", True)]
)
def test_faults_that_keep_a_tool_call(ask: Any, switch: Any, fault: str, called: bool) -> None:
    switch(fault, parameters={"seconds": 0.1} if fault == "latency" else {})
    answer = ask(tools=[TOOL], tool_choice="required")
    assert ("tool_calls" in answer.get_json()["choices"][0]["message"]) is called


@pytest.mark.parametrize("hidden", [False, True])
def test_a_hit_is_on_the_span_logged_and_counted(
    app: Flask, ask: Any, switch: Any, tmp_path: Path, hidden: bool
) -> None:
    telemetry = app.extensions["telemetry"]
    spans = InMemorySpanExporter()
    telemetry.tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    switch("poor", hidden=hidden)
    ask()
    name = "hidden" if hidden else "poor"
    (span,) = [span for span in spans.get_finished_spans() if span.name == "POST /v1/chat/completions"]
    assert span.attributes["lab.fault"] == name
    assert telemetry.registry.get_sample_value("lab_fault_hits_total", {"fault": name}) == 1
    lines = [json.loads(line) for line in (tmp_path / "model.log").read_text().splitlines()]
    (line,) = [line for line in lines if line["event"] == "fault.hit"]
    assert (line["fault"], line["trace_id"]) == (name, f"{span.context.trace_id:032x}")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_NAME", "other")
    monkeypatch.setenv("MODEL_TOKENS_PER_SECOND", "150")
    settings = ModelSettings()
    assert (settings.model_name, settings.model_tokens_per_second) == ("other", 150)
    assert create_app(settings) is not create_app(settings)  # two apps in one process
