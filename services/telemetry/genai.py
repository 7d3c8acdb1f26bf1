"""Spans of model calls and tool calls (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/).

The conventions are not stable yet; only this module follows them. No span has the content of messages or tool calls,
because users wrote it.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from services.telemetry import names

CHAT = "chat"
EXECUTE_TOOL = "execute_tool"
# The protocol, whichever server implements it.
PROVIDER = "openai"


def chat_span(
    tracer: Tracer, model: str, *, server: str = "", port: int = 0, conversation_id: str = ""
) -> AbstractContextManager[Span]:
    """Open a client span `chat {model}` around one call of the model; each retry has its own.

    Args:
        tracer: of the service.
        model: the requested model.
        server: host of the model's API.
        port: port of the model's API.
        conversation_id: of the assistant.
    """
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": CHAT,
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": model,
        "server.address": server,
        "server.port": port,
        "gen_ai.conversation.id": conversation_id,
    }
    return _span(tracer, names.SPAN_CALL_MODEL.format(model=model), SpanKind.CLIENT, attributes)


def record_response(
    span: Span,
    *,
    model: str,
    input_tokens: int,
    output_tokens: int,
    finish_reasons: Sequence[str] = (),
    response_id: str = "",
) -> None:
    """Set the attributes of the model's response: model, id, finish reasons, tokens."""
    span.set_attributes(
        {
            "gen_ai.response.model": model,
            "gen_ai.response.id": response_id,
            "gen_ai.response.finish_reasons": tuple(finish_reasons),
            "gen_ai.usage.input_tokens": input_tokens,
            "gen_ai.usage.output_tokens": output_tokens,
        }
    )


def tool_span(tracer: Tracer, tool: str, *, call_id: str = "") -> AbstractContextManager[Span]:
    """Open a span `execute_tool {tool}` around a tool call."""
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": EXECUTE_TOOL,
        "gen_ai.tool.name": tool,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": call_id,
    }
    return _span(tracer, names.SPAN_TOOL.format(tool=tool), SpanKind.INTERNAL, attributes)


def record_error(span: Span, error_type: str) -> None:
    """Set the span's status to error; `error_type` is a class name or a status code, never a message."""
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR, error_type))


@contextmanager
def _span(tracer: Tracer, name: str, kind: SpanKind, attributes: dict[str, str | int]) -> Iterator[Span]:
    attributes = {key: value for key, value in attributes.items() if value}
    # The SDK would record the exception's message, which may have text of users.
    with tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            record_error(span, type(error).__qualname__)
            raise
