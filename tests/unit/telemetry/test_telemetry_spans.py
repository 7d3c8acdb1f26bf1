"""Spans of HTTP calls, statements, model calls and tools: their names, their attributes, and what is not on them."""

import os
import subprocess
import sys

import httpx
import pytest
import sqlalchemy as sa
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy.pool import StaticPool

from lab.settings import ROOT
from services.telemetry import genai


def spans(seen):
    return {span.name: span for span in seen.spans()}


def test_http_calls_are_spans_and_carry_the_trace_on(seen):
    sent = []

    def answer(request):
        sent.append(request.headers["traceparent"])
        return httpx.Response(503)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    seen.telemetry.instrument_httpx(client)
    with seen.telemetry.tracer.start_as_current_span("outer") as outer:
        client.post("http://model:5002/v1/chat/completions", json={"text": "private"})
    span = spans(seen)["POST"]
    assert (span.kind, span.parent.span_id) == (SpanKind.CLIENT, outer.get_span_context().span_id)
    assert span.attributes["http.response.status_code"] == 503
    assert span.attributes["url.full"] == "http://model:5002/v1/chat/completions"
    assert span.attributes["error.type"] == "503"
    assert sent == [f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}"]
    assert "private" not in span.to_json()


def test_other_clients_are_left_alone(seen):
    seen.telemetry.instrument_httpx(httpx.Client())
    other = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    assert "traceparent" not in other.get("http://x/").request.headers
    assert seen.spans() == []


def test_statements_are_spans_without_their_values_on_every_engine(seen):
    for number in (1, 2):
        engine = sa.create_engine("sqlite://", poolclass=StaticPool)
        seen.telemetry.instrument_engine(engine)
        with seen.telemetry.tracer.start_as_current_span(f"outer{number}"), engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE people (mail TEXT)"))
            connection.execute(sa.text("INSERT INTO people VALUES (:mail)"), {"mail": "joe@example.org"})
    found = [span for span in seen.spans() if span.kind == SpanKind.CLIENT]
    assert [span.name.split()[0] for span in found] == ["CREATE", "INSERT"] * 2
    assert found[1].attributes["db.query.text"] == "INSERT INTO people VALUES (?)"
    assert found[1].attributes["db.system.name"] == "sqlite"
    assert "joe" not in "".join(span.to_json() for span in found)


def test_a_sqlite_database_is_called_by_its_name_and_not_its_path(seen, tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    seen.telemetry.instrument_engine(engine)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    (span,) = seen.spans()
    assert span.name == "SELECT shop"
    assert span.attributes["db.namespace"] == "shop"
    assert str(tmp_path) not in span.to_json()


def test_a_failed_statement_is_an_error_that_repeats_no_value(seen):
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    seen.telemetry.instrument_engine(engine)
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="joe"):
        connection.execute(sa.text('SELECT "a" FROM "joe@example.org"'))
    (span,) = seen.spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "OperationalError")
    assert span.attributes["error.type"] == "OperationalError"
    assert span.end_time
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    assert len(seen.spans()) == 2


def test_model_call_follows_the_genai_conventions(seen):
    with genai.chat_span(seen.telemetry.tracer, "lab-small", server="model", port=5002, conversation_id="c1") as span:
        genai.answered(
            span, model="lab-small-1", input_tokens=12, output_tokens=3, finish_reasons=["stop"], response_id="r1"
        )
    span = spans(seen)["chat lab-small"]
    assert span.kind == SpanKind.CLIENT
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "lab-small",
        "server.address": "model",
        "server.port": 5002,
        "gen_ai.conversation.id": "c1",
        "gen_ai.response.model": "lab-small-1",
        "gen_ai.response.id": "r1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
    }


def test_tool_span(seen):
    with genai.tool_span(seen.telemetry.tracer, "book_appointment", call_id="call_1"):
        pass
    span = spans(seen)["execute_tool book_appointment"]
    assert span.attributes["gen_ai.tool.name"] == "book_appointment"
    assert span.attributes["gen_ai.tool.call.id"] == "call_1"
    assert span.status.status_code == StatusCode.UNSET


@pytest.mark.parametrize("make", [genai.chat_span, genai.tool_span])
def test_a_failure_names_its_type_and_not_its_text(seen, make):
    with pytest.raises(ValueError, match="joe"), make(seen.telemetry.tracer, "thing"):
        raise ValueError("joe@example.org")
    (span,) = seen.spans()
    assert span.attributes["error.type"] == "ValueError"
    assert span.status.status_code == StatusCode.ERROR
    assert "joe" not in span.to_json()


def test_setting_up_the_sdk_leaves_the_environment_of_child_processes_alone():
    code = (
        "import os; from services.telemetry import Telemetry, TelemetrySettings;"
        "Telemetry.from_settings(TelemetrySettings(log_stdout=False));"
        "print(sorted(name for name in os.environ if name.startswith('OTEL_')))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip() == "['OTEL_SEMCONV_STABILITY_OPT_IN']", done.stderr
