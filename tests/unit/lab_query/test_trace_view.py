"""The drawn trace shows every span below its parent, what failed, and whether something is missing."""

import io

from rich.console import Console

from lab import trace_view
from lab.query import Span, Trace

TRACE = "0af7651916cd43dd8448eb211c80319c"


def span(number: int, parent: int | None, name: str, start: float, duration: float, *, status: str = "unset") -> Span:
    return Span(
        trace_id=TRACE,
        span_id=f"{number:016x}",
        parent_id=None if parent is None else f"{parent:016x}",
        name=name,
        service="assistant",
        kind="internal",
        start=1000 + start,
        duration=duration,
        status=status,
        attributes={"gen_ai.tool.name": "book_appointment"} if name.startswith("execute") else {},
        status_message="boom\nin two lines" if status == "error" else "",
    )


def drawn(*spans: Span) -> str:
    out = io.StringIO()
    trace = Trace.of(TRACE, spans)
    assert trace is not None
    trace_view.show(trace, "test source", Console(file=out, width=160, color_system=None))
    return out.getvalue()


def test_tree_lines_durations_and_what_spans_report() -> None:
    text = drawn(
        span(1, None, "POST /chat", 0, 0.4),
        span(2, 1, "decide", 0.01, 0.1),
        span(3, 2, "execute_tool book", 0.02, 0.0005),
        span(4, 1, "answer", 0.2, 0.1, status="error"),
    )
    lines = text.splitlines()
    assert "4 spans of assistant, 400.0 ms, from test source, 1 failed" in lines[1]
    rows = [line.split("  ")[0] if not line.startswith(" ") else line for line in lines[3:]]
    assert rows[0].startswith("POST /chat")
    assert rows[1].startswith("├ decide")
    assert rows[2].startswith("│ └ execute_tool book")
    assert rows[3].startswith("└ answer")
    assert "500 µs" in lines[5] and "name book_appointment" in lines[5]
    assert "boom in two lines" in lines[6]


def test_missing_parents_are_reported() -> None:
    text = drawn(span(1, None, "POST /chat", 0, 0.4), span(3, 9, "lost", 0.1, 0.1))
    assert "Not whole: the parents of 1 spans have not arrived (yet)." in text
