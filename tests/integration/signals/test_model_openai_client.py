"""The `openai` package as a client of the model server, over a real socket."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from werkzeug.serving import make_server

from services.model.app import create_app
from services.model.settings import ModelSettings
from services.telemetry import Telemetry, TelemetrySettings

TOKEN = "a-token"
MODEL = "lab-small"
SYSTEM = {
    "role": "system",
    "content": 'You book appointments.\nCONTEXT {"now":"2026-11-22T14:00:00-05:00","business":null}',
}


def tool(name: str, /, **properties: str) -> Any:
    schema = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TOOLS = [
    tool("find_business", kind="string", city="string", name="string"),
    tool("book_appointment", business_id="string", starts_at="string"),
]
DENTIST = {"id": "d-1", "name": "Bright Smile", "city": "Denver", "time_zone": "America/Denver"}
RESULTS = {
    "find_business": {"businesses": [DENTIST]},
    "book_appointment": {"ok": True, "appointment": {"id": "a-1", "starts_at": "2026-12-03T16:45:00-07:00"}},
}


@dataclass
class Server:
    url: str

    def client(self, **options: Any) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key="any", **{"max_retries": 0, **options})

    def switch(self, fault: str, **parameters: Any) -> None:
        body = {"fault": fault, "duration_seconds": 30, "parameters": parameters}
        answer = httpx.post(f"{self.url}/admin/faults", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("model")
    (folder / "admin_token").write_text(TOKEN)
    settings = ModelSettings(
        model_name=MODEL,
        model_first_token_seconds=0.05,
        model_tokens_per_second=400,
        admin_token_file=folder / "admin_token",
    )
    telemetry = Telemetry.from_settings(TelemetrySettings(otel_service_name="model", log_stdout=False, log_dir=folder))
    server = make_server("127.0.0.1", 0, create_app(settings, telemetry), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Server(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join(10)


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    yield running
    httpx.delete(f"{running.url}/admin/faults", headers={"Authorization": f"Bearer {TOKEN}"})


def test_a_booking_with_tools(server: Server) -> None:
    client = server.client()
    messages: list[Any] = [SYSTEM]
    called = []
    for text in ("A dentist in Denver on December 3rd at quarter to five, please", "yes"):
        messages.append({"role": "user", "content": text})
        while True:
            answer = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS, seed=3)
            message = answer.choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            if not message.tool_calls:
                break
            assert answer.choices[0].finish_reason == "tool_calls"
            for call in message.tool_calls:
                called.append((call.function.name, json.loads(call.function.arguments)))
                content = json.dumps(RESULTS[call.function.name])
                messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
    assert called == [
        ("find_business", {"kind": "dentist", "city": "Denver"}),
        ("book_appointment", {"business_id": "d-1", "starts_at": "2026-12-03T16:45:00-07:00"}),
    ]
    assert "Thursday, December 3 at 4:45 PM" in messages[-1]["content"]
    assert answer.usage is not None
    assert answer.usage.total_tokens > 50


def test_streams(server: Server) -> None:
    client = server.client()
    started = time.monotonic()
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    text, first, usage = "", 0.0, None
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            first = first or time.monotonic() - started
            text += chunk.choices[0].delta.content
        usage = chunk.usage or usage
    whole = time.monotonic() - started
    assert "appointment" in text
    assert usage is not None
    assert usage.completion_tokens > 5
    assert 0.05 <= first < whole  # the text came in pieces, and not before its time


def test_a_streamed_tool_call(server: Server) -> None:
    stream = server.client().chat.completions.create(
        model=MODEL, messages=[SYSTEM, {"role": "user", "content": "a dentist in Denver"}], tools=TOOLS, stream=True
    )
    name, arguments, reason = "", "", None
    for chunk in stream:
        choice = chunk.choices[0]
        reason = choice.finish_reason or reason
        for call in choice.delta.tool_calls or []:
            assert call.function is not None
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert (name, reason) == ("find_business", "tool_calls")
    assert json.loads(arguments) == {"kind": "dentist", "city": "Denver"}


def test_models(server: Server) -> None:
    client = server.client()
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("gpt-x")
    assert missing.value.code == "model_not_found"


def complete(client: OpenAI, **options: Any) -> Any:
    members = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], **options}
    return client.chat.completions.create(**members)


def test_errors_become_the_exceptions_of_the_client(server: Server) -> None:
    client = server.client()
    with pytest.raises(openai.BadRequestError) as wrong:
        complete(client, temperature=9)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.NotFoundError):
        complete(client, model="gpt-x")
    with pytest.raises(openai.AuthenticationError):
        complete(server.client(default_headers={"Authorization": "Basic any"}))


def test_throttling_becomes_a_rate_limit_error_with_its_time(server: Server) -> None:
    server.switch("throttle", retry_after=3)
    with pytest.raises(openai.RateLimitError) as limited:
        complete(server.client())
    assert limited.value.response.headers["retry-after"] == "3"
    assert limited.value.code == "rate_limit_exceeded"


def test_an_outage_becomes_an_internal_server_error(server: Server) -> None:
    server.switch("errors", status=503)
    with pytest.raises(openai.InternalServerError) as failed:
        complete(server.client())
    assert failed.value.status_code == 503


def test_a_slow_model_runs_into_the_time_out_of_its_client(server: Server) -> None:
    server.switch("latency", seconds=5)
    with pytest.raises(openai.APITimeoutError):
        complete(server.client(timeout=0.5))


def test_a_retry_after_throttling_succeeds(server: Server) -> None:
    """The client waits as long as Retry-After says and comes again; by then the fault is over."""
    server.switch("throttle", retry_after=1)
    ended = threading.Timer(
        0.5, httpx.delete, [f"{server.url}/admin/faults"], {"headers": {"Authorization": f"Bearer {TOKEN}"}}
    )
    ended.start()
    started = time.monotonic()
    assert complete(server.client(max_retries=2)).choices[0].message.content
    assert time.monotonic() - started >= 0.9
    ended.join()
