"""Draws a trace as a tree in the terminal: callers, durations and failed spans."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from lab.console import Console
from lab.query import Span, Trace

# On a narrower terminal the last column is left out, so that the tree can be read.
_WIDE = 110
_TOOK_WIDTH = 8
# Attributes of the last column; the first that a span has is shown.
_DETAILS = (
    "exception.type",
    "error.type",
    "gen_ai.tool.name",
    "db.query.text",
    "db.statement",
    "gen_ai.request.model",
    "http.response.status_code",
    "http.status_code",
)
_STYLES = {"assistant": "cyan", "model": "magenta", "pager": "blue"}


def show(trace: Trace, source: str, console: Console) -> None:
    """Print the span tree of a trace; `source` is the name of its store."""
    console.print(_head(trace, source), highlight=False, soft_wrap=True)
    console.print(_table(trace, console.width))


def _head(trace: Trace, source: str) -> Text:
    failed = sum(span.status == "error" for span in trace.spans)
    text = f"{len(trace.spans)} spans of {', '.join(trace.services)}, {_seconds(trace.duration)}, from {source}"
    head = Text.assemble((f"Trace {trace.trace_id}", "bold"), f"\n{text}")
    if failed:
        head.append(f", {failed} failed", "bold red")
    missing = len(trace.roots()) - 1
    if missing > 0:
        head.append(f"\nNot whole: the parents of {missing} spans have not arrived (yet).", "yellow")
    return head


def _table(trace: Trace, width: int) -> Table:
    wide = width >= _WIDE
    bar = 24 if wide else 12
    service_width = max(len(name) for name in trace.services)
    left = max(20, width - service_width - _TOOK_WIDTH - bar - 3)
    rows = _guided(trace)
    name_width = min(max(len(guide) + len(span.name) for guide, span in rows), left // 2 if wide else left)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("span", no_wrap=True, overflow="ellipsis", width=name_width)
    table.add_column("service", no_wrap=True, min_width=service_width)
    table.add_column("took", justify="right", no_wrap=True, min_width=_TOOK_WIDTH)
    table.add_column("when", no_wrap=True, width=bar)
    if wide:
        table.add_column("detail", no_wrap=True, overflow="ellipsis", width=left - name_width - 1)
    for guide, span in rows:
        name = Text.assemble((guide, "dim"), (span.name, "bold red" if span.status == "error" else ""))
        service = Text(span.service, _STYLES.get(span.service, ""))
        cells: list[RenderableType] = [name, service, _seconds(span.duration), _bar(trace, span, bar)]
        table.add_row(*cells, *([_detail(span)] if wide else []))
    return table


def _guided(trace: Trace) -> list[tuple[str, Span]]:
    """Return each span with the lines that lead to it in the tree."""
    rows = list(trace.walk())
    guided = []
    open_depths: set[int] = set()
    # From below: a line is drawn at a depth for as long as another span of that depth follows.
    for depth, span in reversed(rows):
        open_depths = {one for one in open_depths if one <= depth}
        guide = "".join("│ " if one in open_depths else "  " for one in range(1, depth))
        if depth:
            guide += "├ " if depth in open_depths else "└ "
        open_depths.add(depth)
        guided.append((guide, span))
    return guided[::-1]


def _bar(trace: Trace, span: Span, width: int) -> Text:
    whole = trace.duration or 1e-9
    start = min(width - 1, int((span.start - trace.start) / whole * width))
    length = max(1, min(width - start, round(span.duration / whole * width)))
    colour = "red" if span.status == "error" else "green"
    return Text.assemble(("·" * start, "dim"), ("█" * length, colour), ("·" * (width - start - length), "dim"))


def _detail(span: Span) -> Text:
    if span.status == "error" and span.status_message:
        return Text(_one_line(span.status_message), "red")
    for key in _DETAILS:
        if key in span.attributes:
            return Text(f"{key.rsplit('.', 1)[-1]} {_one_line(str(span.attributes[key]))}", "dim")
    return Text("")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:120]


def _seconds(value: float) -> str:
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.1f} ms"
    return f"{value:.2f} s"
