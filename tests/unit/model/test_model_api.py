"""The OpenAI API: answers, errors, streams, token counts."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.model import tokens
from services.model.app import create_app
from services.model.settings import ModelSettings
from services.telemetry import Telemetry, TelemetrySettings

KEY = {"Authorization": "Bearer any"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
USER = {"role": "user", "content": "hello"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}],
}


def events(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_an_answer_has_the_shape_of_a_chat_completion(ask: Any) -> None:
    answer = ask()
    assert answer.status_code == 200
    document = answer.get_json()
    assert document["object"] == "chat.completion"
    assert document["model"] == "lab-small"
    assert document["id"].startswith("chatcmpl-")
    choice = document["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    usage = document["usage"]
    assert usage["completion_tokens"] == tokens.count(choice["message"]["content"]) > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_the_same_request_gives_the_same_answer_and_another_seed_another_id(ask: Any) -> None:
    first, again, other = ask(seed=1).get_json(), ask(seed=1).get_json(), ask(seed=2).get_json()
    assert first["choices"] == again["choices"]
    assert first["id"] == again["id"] != other["id"]


def test_unknown_members_are_ignored(ask: Any) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "hello", "x": 1}], "y": 2}
    answer = ask(
        messages=[message], reasoning_effort="low", parallel_tool_calls=False, user="u", metadata={}, temperature=0.2
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("members", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": "hello"}, "messages", "invalid_type"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [USER, {"role": "user"}]}, "messages[1]", "invalid_value"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "{}"}]}, None, "invalid_value"),
        ({"messages": [USER, CALL]}, None, "invalid_value"),
        ({"messages": [USER, CALL, USER]}, None, "invalid_value"),
        ({"temperature": 3}, "temperature", "decimal_above_max_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"n": 2}, "n", "decimal_above_max_value"),
        ({"max_tokens": 0}, "max_tokens", "decimal_below_min_value"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "invalid_value"),
        ({"tools": [{"type": "banana"}]}, "tools[0].type", "invalid_value"),
        ({"tool_choice": "perhaps"}, "tool_choice", "invalid_value"),
        ({"tool_choice": "required"}, None, "invalid_value"),
        ({"tool_choice": {"type": "function", "function": {"name": "nope"}}}, None, "invalid_value"),
        ({"stream": "sometimes"}, "stream", "invalid_type"),
    ],
)
def test_an_error_has_parameter_and_code(ask: Any, members: dict[str, Any], param: str | None, code: str) -> None:
    answer = ask(**members)
    assert answer.status_code == 400
    error = answer.get_json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


PARAMETERS = [
    (
        {"response_format": {"type": "json_object"}},
        "response_format",
        "Invalid 'response_format': the model answers in text only; use {'type': 'text'} or leave it out.",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
        "response_format",
        "Invalid 'response_format': the model answers in text only; use {'type': 'text'} or leave it out.",
    ),
    ({"logprobs": True}, "logprobs", "Invalid 'logprobs': the model has no log probabilities; leave it out."),
    ({"top_logprobs": 2}, "top_logprobs", "Invalid 'top_logprobs': the model has no log probabilities; leave it out."),
    (
        {"stream_options": {"include_usage": True}},
        "stream_options",
        "Invalid 'stream_options': it is only allowed with 'stream': true.",
    ),
    (
        {"stream": False, "stream_options": {}},
        "stream_options",
        "Invalid 'stream_options': it is only allowed with 'stream': true.",
    ),
    ({"n": 3}, "n", "Invalid 'n': the model returns one choice; use 1 or leave it out."),
    (
        {"modalities": ["text", "audio"]},
        "modalities",
        "Invalid 'modalities': the model answers in text only; use ['text'] or leave it out.",
    ),
    (
        {"audio": {"voice": "alloy", "format": "wav"}},
        "audio",
        "Invalid 'audio': the model answers in text only; leave it out.",
    ),
    (
        {"functions": [{"name": "f"}]},
        "functions",
        "Invalid 'functions': the old form of tools is not supported; use 'tools' and 'tool_choice'.",
    ),
    (
        {"function_call": "auto"},
        "function_call",
        "Invalid 'function_call': the old form of tools is not supported; use 'tools' and 'tool_choice'.",
    ),
]


@pytest.mark.parametrize(("members", "param", "message"), PARAMETERS)
def test_a_parameter_that_would_change_the_response_is_refused(
    ask: Any, members: dict[str, Any], param: str, message: str
) -> None:
    answer = ask(**members)
    assert answer.status_code == 400
    error = answer.get_json()["error"]
    assert (error["message"], error["type"], error["param"]) == (message, "invalid_request_error", param)


@pytest.mark.parametrize(
    "members",
    [
        {"response_format": {"type": "text"}},
        {"logprobs": False},
        {"logprobs": False, "top_logprobs": 0},
        {"n": 1},
        {"modalities": ["text"]},
        {"functions": []},
        {"stream": True, "stream_options": {"include_usage": False}},
    ],
)
def test_a_parameter_that_changes_nothing_is_taken(ask: Any, members: dict[str, Any]) -> None:
    assert ask(**members).status_code == 200


def test_a_null_parameter_counts_as_left_out(client: FlaskClient) -> None:
    names = ("response_format", "logprobs", "top_logprobs", "stream_options", "n", "audio", "modalities", "functions")
    body = {"model": "lab-small", "messages": [USER]} | dict.fromkeys(names)
    assert client.post("/v1/chat/completions", json=body, headers=KEY).status_code == 200


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, "image_url"),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, "input_audio"),
        ({"type": "file", "file": {"file_id": "x"}}, "file"),
    ],
)
@pytest.mark.parametrize("role", ["user", "system", "assistant"])
def test_a_part_that_is_no_text_is_named(ask: Any, part: dict[str, Any], kind: str, role: str) -> None:
    answer = ask(messages=[USER, {"role": role, "content": [{"type": "text", "text": "See."}, part]}])
    assert answer.status_code == 400
    error = answer.get_json()["error"]
    assert error["param"] == "messages[1].content[1].type"
    assert error["message"] == (
        f"Invalid 'messages[1].content[1].type': parts of type '{kind}' are not supported; send text."
    )


@pytest.mark.parametrize(
    ("content", "param"),
    [
        ([{"text": "hello"}], "messages[0].content[0].type"),
        ([{"type": "text"}], "messages[0].content[0].text"),
        ([{"type": "text", "text": 3}], "messages[0].content[0].text"),
        (["hello"], "messages[0].content[0]"),
        ([{"type": ["text"], "text": "hello"}], "messages[0].content[0].type"),
        ({"type": "text", "text": "hello"}, "messages[0].content"),
        ([], "messages[0].content"),
    ],
)
def test_a_wrong_content_is_named_where_it_is_wrong(ask: Any, content: Any, param: str) -> None:
    answer = ask(messages=[{"role": "user", "content": content}])
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, param)


def test_the_type_of_a_part_is_not_repeated_when_it_is_long(ask: Any) -> None:
    answer = ask(messages=[{"role": "user", "content": [{"type": "my secret " * 50}]}])
    assert answer.status_code == 400
    assert len(answer.get_json()["error"]["message"]) < 200


@pytest.mark.parametrize(
    "refused",
    [
        {"role": "assistant", "content": None, "refusal": "I cannot help with that."},
        {"role": "assistant", "refusal": "I cannot help with that."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot help with that."}]},
        {"role": "assistant", "content": "Hello.", "refusal": None, "annotations": [], "audio": None},
    ],
)
def test_an_earlier_refusal_is_taken(ask: Any, refused: dict[str, Any]) -> None:
    whole = ask(messages=[USER, refused, USER]).get_json()
    assert whole["choices"][0]["message"]["content"]


def test_a_message_without_content_and_refusal_is_refused(ask: Any) -> None:
    answer = ask(messages=[USER, {"role": "assistant", "content": None, "refusal": None}])
    assert answer.status_code == 400
    assert answer.get_json()["error"]["param"] == "messages[1]"


PREFLIGHT = {
    "Origin": "http://localhost:3000",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/models/lab-small", "/v1/unknown"])
def test_a_browsers_preflight_is_refused_with_the_reason(client: FlaskClient, path: str) -> None:
    answer = client.options(path, headers=PREFLIGHT)
    assert answer.status_code == 403
    assert answer.get_json()["error"] == {
        "message": "Calls from web pages of other origins (CORS) are not supported. Call the API from a server.",
        "type": "invalid_request_error",
        "param": None,
        "code": "cors_not_supported",
    }
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/chat/completions", {"POST", "OPTIONS"}),
        ("/v1/models", {"GET", "HEAD", "OPTIONS"}),
        ("/v1/models/lab-small", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_the_methods_of_a_route_are_listed_without_a_key(client: FlaskClient, path: str, allowed: set[str]) -> None:
    answer = client.options(path)
    assert (answer.status_code, answer.get_data()) == (204, b"")
    assert set(answer.headers["Allow"].split(", ")) == allowed
    refused = client.delete(path, headers=KEY)
    assert (refused.status_code, set(refused.headers["Allow"].split(", "))) == (405, allowed)


def test_the_methods_of_an_unknown_route_are_unknown(client: FlaskClient) -> None:
    assert client.options("/v1/embeddings").status_code == 404


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"model": "\xff"}', "application/json", 400),
        (b"{}", "text/plain", 400),
        (b"x" * (1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_bodies_that_cannot_be_read(client: FlaskClient, data: bytes, content_type: str, status: int) -> None:
    answer = client.post("/v1/chat/completions", data=data, content_type=content_type, headers=KEY)
    assert answer.status_code == status
    assert answer.get_json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("header", [None, "", "Bearer ", "Basic x"])
def test_a_key_is_needed(client: FlaskClient, header: str | None) -> None:
    answer = client.get("/v1/models", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert "API key" in answer.get_json()["error"]["message"]


def test_an_unknown_model_and_address(ask: Any, client: FlaskClient) -> None:
    assert ask(model="gpt-x").get_json()["error"]["code"] == "model_not_found"
    assert ask(model="gpt-x").status_code == 404
    assert client.get("/v1/models/gpt-x", headers=KEY).status_code == 404
    assert client.post("/v1/embeddings", json={}, headers=KEY).status_code == 404
    assert "error" in client.post("/v1/embeddings", json={}, headers=KEY).get_json()
    assert client.get("/v1/chat/completions", headers=KEY).status_code == 405


def test_models_are_listed(client: FlaskClient) -> None:
    document = client.get("/v1/models", headers=KEY).get_json()
    assert document["object"] == "list"
    assert [card["id"] for card in document["data"]] == ["lab-small"]
    assert client.get("/v1/models/lab-small", headers=KEY).get_json()["object"] == "model"


def test_a_limit_of_tokens_cuts_the_answer(ask: Any) -> None:
    whole = ask().get_json()["choices"][0]["message"]["content"]
    cut = ask(max_completion_tokens=3).get_json()
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 3
    assert whole.startswith(cut["choices"][0]["message"]["content"])


def test_a_stop_sequence_ends_the_answer(ask: Any) -> None:
    whole = ask().get_json()["choices"][0]["message"]["content"]
    assert " " in whole
    assert ask(stop=" ").get_json()["choices"][0]["message"]["content"] == whole.split(" ")[0]


def test_a_tool_can_be_demanded(ask: Any) -> None:
    choice = {"type": "function", "function": {"name": "get_weather"}}
    for demand, reason in (("required", "tool_calls"), (choice, "stop")):
        answered = ask(tools=[WEATHER], tool_choice=demand).get_json()["choices"][0]
        assert answered["finish_reason"] == reason
        assert answered["message"]["content"] is None
        call = answered["message"]["tool_calls"][0]
        assert call["function"]["name"] == "get_weather"
        assert json.loads(call["function"]["arguments"]) == {"city": "hello"}


def test_a_client_can_forbid_tool_calls(ask: Any) -> None:
    search = {"type": "function", "function": {"name": "find_business"}}
    messages = [{"role": "user", "content": "a dentist in Denver"}]
    for tool_choice, called in (("auto", True), ("none", False)):
        answer = ask(messages=messages, tools=[search], tool_choice=tool_choice).get_json()
        assert ("tool_calls" in answer["choices"][0]["message"]) is called


def test_a_stream_joins_to_the_answer(ask: Any) -> None:
    whole = ask().get_json()
    chunks = events(ask(stream=True).get_data(as_text=True))
    assert ask(stream=True).content_type.startswith("text/event-stream")
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk["id"] for chunk in chunks} == {whole["id"]}
    assert all("usage" not in chunk for chunk in chunks)


def test_the_span_of_a_stream_lasts_as_long_as_its_tokens(tmp_path: Path) -> None:
    provider, spans = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = Telemetry.from_settings(
        TelemetrySettings(otel_service_name="model", log_stdout=False, log_dir=tmp_path), provider
    )
    client = create_app(ModelSettings(model_tokens_per_second=100), telemetry).test_client()
    body = {"model": "lab-small", "messages": [USER], "stream": True}
    chunks = events(client.post("/v1/chat/completions", json=body, headers=KEY).get_data(as_text=True))
    (span,) = spans.get_finished_spans()
    assert span.end_time - span.start_time >= (len(chunks) - 2) * 0.01 * 1e9 > 5 * 0.01 * 1e9
    assert span.attributes["gen_ai.usage.output_tokens"] == len(chunks) - 2


def test_a_stream_has_its_usage_on_request(ask: Any) -> None:
    chunks = events(ask(stream=True, stream_options={"include_usage": True}).get_data(as_text=True))
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == ask().get_json()["usage"]
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


def test_a_streamed_tool_call_joins_to_its_arguments(ask: Any) -> None:
    chunks = events(ask(stream=True, tools=[WEATHER], tool_choice="required").get_data(as_text=True))
    deltas = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert deltas[0]["function"]["name"] == "get_weather"
    assert [delta for delta in deltas if "id" in delta] == deltas[:1]
    assert json.loads("".join(delta["function"]["arguments"] for delta in deltas)) == {"city": "hello"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_tokens_join_to_the_text_and_are_about_as_many_as_words() -> None:
    text = "Would you like an appointment at 9:30 AM on Friday, March 8?  Extraordinarily so! \N{THUMBS UP SIGN}\n"
    pieces = tokens.split(text)
    assert "".join(pieces) == text
    assert len(text.split()) < len(pieces) < 2 * len(text.split())
    assert tokens.count("") == 0
    assert tokens.split("an  extraordinarily") == ["an", "  extra", "ordin", "arily"]


def test_the_prompt_counts_messages_and_tools() -> None:
    small = tokens.count_prompt([USER])
    assert tokens.count_prompt([USER, USER]) > small
    assert tokens.count_prompt([USER], [WEATHER]) > small
    assert tokens.count_prompt([USER, CALL]) > small


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/metrics", "/openapi.json"])
def test_it_answers_only_for_its_own_names(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={**KEY, "Host": "evil.example:5002"})
    assert answer.status_code == 400
    assert "TRUSTED_HOSTS" in answer.text
    assert client.get(path, headers={**KEY, "Host": "model:1"}).status_code == 200


def test_an_encoded_body_is_refused_with_the_encoding_that_is_taken(client: FlaskClient) -> None:
    headers = {**KEY, "Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = client.post("/v1/chat/completions", data=b"\x1f\x8b", headers=headers)
    assert answer.status_code == 415
    assert "identity" in answer.get_json()["error"]["message"]
    assert answer.headers["Accept-Encoding"] == "identity"
