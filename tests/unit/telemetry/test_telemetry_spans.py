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


def spans(service):
    return {span.name: span for span in service.spans()}


def test_http_calls_are_spans_and_propagate_the_trace(service):
    sent = []

    def answer(request):
        sent.append(request.headers["traceparent"])
        return httpx.Response(503)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    service.telemetry.instrument_httpx(client)
    with service.telemetry.tracer.start_as_current_span("outer") as outer:
        client.post("http://model:5002/v1/chat/completions", json={"text": "private"})
    span = spans(service)["POST"]
    assert (span.kind, span.parent.span_id) == (SpanKind.CLIENT, outer.get_span_context().span_id)
    assert span.attributes["http.response.status_code"] == 503
    assert span.attributes["url.full"] == "http://model:5002/v1/chat/completions"
    assert span.attributes["error.type"] == "503"
    assert sent == [f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}"]
    assert "private" not in span.to_json()


def test_other_clients_are_not_traced(service):
    service.telemetry.instrument_httpx(httpx.Client())
    other = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    assert "traceparent" not in other.get("http://x/").request.headers
    assert service.spans() == []


def test_statements_are_spans_without_their_values_on_every_engine(service):
    for number in (1, 2):
        engine = sa.create_engine("sqlite://", poolclass=StaticPool)
        service.telemetry.instrument_engine(engine)
        with service.telemetry.tracer.start_as_current_span(f"outer{number}"), engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE people (mail TEXT)"))
            connection.execute(sa.text("INSERT INTO people VALUES (:mail)"), {"mail": "joe@example.org"})
    spans = [span for span in service.spans() if span.kind == SpanKind.CLIENT]
    assert [span.name.split()[0] for span in spans] == ["CREATE", "INSERT"] * 2
    assert spans[1].attributes["db.query.text"] == "INSERT INTO people VALUES (?)"
    assert spans[1].attributes["db.system.name"] == "sqlite"
    assert "joe" not in "".join(span.to_json() for span in spans)


def test_a_sqlite_span_has_the_name_and_not_the_path(service, tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    service.telemetry.instrument_engine(engine)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    (span,) = service.spans()
    assert span.name == "SELECT shop"
    assert span.attributes["db.namespace"] == "shop"
    assert str(tmp_path) not in span.to_json()


def test_a_failed_statement_is_an_error_that_repeats_no_value(service):
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    service.telemetry.instrument_engine(engine)
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="joe"):
        connection.execute(sa.text('SELECT "a" FROM "joe@example.org"'))
    (span,) = service.spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "OperationalError")
    assert span.attributes["error.type"] == "OperationalError"
    assert span.end_time
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    assert len(service.spans()) == 2


def test_model_call_follows_the_genai_conventions(service):
    with genai.chat_span(
        service.telemetry.tracer, "lab-small", server="model", port=5002, conversation_id="c1"
    ) as span:
        genai.record_response(
            span, model="lab-small-1", input_tokens=12, output_tokens=3, finish_reasons=["stop"], response_id="r1"
        )
    span = spans(service)["chat lab-small"]
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


def test_tool_span(service):
    with genai.tool_span(service.telemetry.tracer, "book_appointment", call_id="call_1"):
        pass
    span = spans(service)["execute_tool book_appointment"]
    assert span.attributes["gen_ai.tool.name"] == "book_appointment"
    assert span.attributes["gen_ai.tool.call.id"] == "call_1"
    assert span.status.status_code == StatusCode.UNSET


@pytest.mark.parametrize("make", [genai.chat_span, genai.tool_span])
def test_a_failure_names_its_type_and_not_its_text(service, make):
    with pytest.raises(ValueError, match="joe"), make(service.telemetry.tracer, "thing"):
        raise ValueError("joe@example.org")
    (span,) = service.spans()
    assert span.attributes["error.type"] == "ValueError"
    assert span.status.status_code == StatusCode.ERROR
    assert "joe" not in span.to_json()


def test_child_processes_do_not_inherit_the_sdk_s_environment():
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
