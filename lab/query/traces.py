"""Traces and spans, as read from Tempo's answers and from the Collector's span file."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Span:
    """One span. `start` is Unix time in seconds, `duration` seconds; ids are lowercase hex, `parent_id` None for none.

    `kind` is internal, server, client, producer or consumer; `status` is unset, ok or error.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    service: str
    kind: str
    start: float
    duration: float
    status: str
    attributes: dict[str, Any] = field(default_factory=dict)
    status_message: str = ""

    @property
    def end(self) -> float:
        """Unix time in seconds at which the span ended."""
        return self.start + self.duration


@dataclass(frozen=True)
class Trace:
    """The stored spans of one trace, the earliest first."""

    trace_id: str
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, trace_id: str, spans: Iterable[Span]) -> "Trace | None":
        """Return the trace of the spans with this id, each once; None if there are none."""
        own = {span.span_id: span for span in spans if span.trace_id == trace_id}
        if not own:
            return None
        return cls(trace_id, tuple(sorted(own.values(), key=lambda span: (span.start, -span.duration))))

    def roots(self) -> tuple[Span, ...]:
        """Return the spans whose parent is not stored: one if the trace is complete."""
        known = {span.span_id for span in self.spans}
        return tuple(span for span in self.spans if span.parent_id is None or span.parent_id not in known)

    def walk(self) -> Iterator[tuple[int, Span]]:
        """Yield (depth, span) from the root downwards, each span once, even if parents form a ring."""
        below: dict[str, list[Span]] = {}
        for span in self.spans:
            below.setdefault(span.parent_id or "", []).append(span)
        waiting = [(0, span) for span in reversed(self.roots())]
        seen: set[str] = set()
        while waiting:
            depth, span = waiting.pop()
            if span.span_id in seen:
                continue
            seen.add(span.span_id)
            yield depth, span
            waiting.extend((depth + 1, child) for child in reversed(below.get(span.span_id, [])))

    def find(self, name: str = "", service: str = "") -> tuple[Span, ...]:
        """Return the spans whose name starts with `name`, of that service (any if empty)."""
        return tuple(s for s in self.spans if s.name.startswith(name) and (not service or s.service == service))

    @property
    def start(self) -> float:
        """Unix time in seconds at which the first span began."""
        return self.spans[0].start

    @property
    def duration(self) -> float:
        """Seconds from the first span's start to the last one's end."""
        return max(span.end for span in self.spans) - self.start

    @property
    def services(self) -> tuple[str, ...]:
        """The services with spans, in the order of their first one."""
        return tuple(dict.fromkeys(span.service for span in self.spans))


class TraceSource(Protocol):
    """A store of traces: Tempo, or the Collector's span file."""

    name: str

    def get(self, trace_id: str) -> Trace | None:
        """Return one trace by its 32 hex digits; None if it is not stored (yet)."""
        ...


def clean_trace_id(text: str) -> str:
    """Return a trace id, or that of a traceparent header, as 32 lowercase hex digits.

    Raises:
        ValueError: it is no trace id; the message says what one is.
    """
    given = text.strip().lower()
    if given.count("-") == 3:
        given = given.split("-")[1]
    given = given.removeprefix("0x")
    if not given or not set(given) <= _HEX or len(given) > 32:
        raise ValueError(f"'{text.strip()[:60]}' is not a trace id: that is 32 digits of 0-9 and a-f")
    return given.zfill(32)


def spans_of(document: Mapping[str, Any]) -> Iterator[Span]:
    """Yield the spans of one OTLP JSON document, as the Collector writes it or Tempo returns it.

    Ids may be hex (OTLP JSON) or base64 (protobuf's own JSON); kinds and statuses numbers or names.
    """
    for resource_spans in document.get("resourceSpans") or document.get("batches") or ():
        resource = attributes_of(resource_spans.get("resource", {}).get("attributes"))
        service = str(resource.get("service.name", "unknown"))
        for scope_spans in resource_spans.get("scopeSpans") or ():
            for row in scope_spans.get("spans") or ():
                yield _span(row, service)


def _span(row: Mapping[str, Any], service: str) -> Span:
    start = int(row["startTimeUnixNano"])
    status = row.get("status") or {}
    return Span(
        trace_id=_id(row["traceId"], 32),
        span_id=_id(row["spanId"], 16),
        parent_id=_id(row.get("parentSpanId") or "", 16) or None,
        name=row.get("name", ""),
        service=service,
        kind=_named(row.get("kind", 0), _KINDS),
        start=start / 1e9,
        duration=max(0, int(row.get("endTimeUnixNano") or start) - start) / 1e9,
        status=_named(status.get("code", 0), _STATUSES),
        attributes=attributes_of(row.get("attributes")),
        status_message=status.get("message", ""),
    )


def attributes_of(rows: Iterable[Mapping[str, Any]] | None) -> dict[str, Any]:
    """Return OTLP's list of keys and typed values as a dictionary."""
    return {row["key"]: _value(row.get("value") or {}) for row in rows or ()}


def _value(value: Mapping[str, Any]) -> Any:
    for kind, content in value.items():
        if kind == "intValue":  # a 64 bit number is a text in JSON
            return int(content)
        if kind == "arrayValue":
            return [_value(one) for one in content.get("values") or ()]
        if kind == "kvlistValue":
            return attributes_of(content.get("values"))
        return content
    return ""


def _id(text: str, digits: int) -> str:
    lower = text.lower()
    if len(lower) == digits and set(lower) <= _HEX:
        return lower
    found = base64.b64decode(text).hex() if text else ""
    return "" if set(found) <= {"0"} else found


def _named(value: int | str, names: tuple[str, ...]) -> str:
    """Turn 2, SPAN_KIND_SERVER or STATUS_CODE_ERROR into the plain name."""
    if isinstance(value, int):
        return names[value] if 0 <= value < len(names) else names[0]
    name = value.rsplit("_", 1)[-1].lower()
    return name if name in names else names[0]
