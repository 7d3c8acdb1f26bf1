"""Spans of calls to a language model and of the tools it asks for, as the GenAI semantic conventions name them.

The conventions still change: this is the one place to follow them. The content of messages and of tool calls is never
put on a span; it is what users wrote.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from services.telemetry import names

CHAT = "chat"
EXECUTE_TOOL = "execute_tool"
# The API that is spoken, whoever answers it.
PROVIDER = "openai"


@contextmanager
def chat_span(
    tracer: Tracer, model: str, *, server: str = "", port: int = 0, conversation_id: str = ""
) -> Iterator[Span]:
    """A client span `chat {model}` around one call of the model, its retries apart."""
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": CHAT,
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": model,
    }
    if server:
        attributes["server.address"] = server
    if port:
        attributes["server.port"] = port
    if conversation_id:
        attributes["gen_ai.conversation.id"] = conversation_id
    name = names.SPAN_CALL_MODEL.format(model=model)
    with _span(tracer, name, SpanKind.CLIENT, attributes) as span:
        yield span


def answered(
    span: Span,
    *,
    model: str,
    input_tokens: int,
    output_tokens: int,
    finish_reasons: Sequence[str] = (),
    response_id: str = "",
) -> None:
    """Put the model's answer on its span: who answered, how it ended, and the tokens it took."""
    span.set_attributes(
        {
            "gen_ai.response.model": model,
            "gen_ai.response.id": response_id,
            "gen_ai.response.finish_reasons": tuple(finish_reasons),
            "gen_ai.usage.input_tokens": input_tokens,
            "gen_ai.usage.output_tokens": output_tokens,
        }
    )


@contextmanager
def tool_span(tracer: Tracer, tool: str, *, call_id: str = "") -> Iterator[Span]:
    """A span `execute_tool {tool}` around what the model asked for."""
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": EXECUTE_TOOL,
        "gen_ai.tool.name": tool,
        "gen_ai.tool.type": "function",
    }
    if call_id:
        attributes["gen_ai.tool.call.id"] = call_id
    with _span(tracer, names.SPAN_TOOL.format(tool=tool), SpanKind.INTERNAL, attributes) as span:
        yield span


def failed(span: Span, error_type: str) -> None:
    """Mark the span as failed; `error_type` is a class name or a status code, never a message."""
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR, error_type))


@contextmanager
def _span(tracer: Tracer, name: str, kind: SpanKind, attributes: dict[str, str | int]) -> Iterator[Span]:
    # The SDK would record the exception's message, which may carry what a user wrote.
    with tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            failed(span, type(error).__qualname__)
            raise
