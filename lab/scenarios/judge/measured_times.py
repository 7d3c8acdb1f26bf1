"""Tables of measured alert latencies, with the theoretical minimum of each."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from lab.scenarios.judge.alert_latency import AlertLatency

_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
_HEADINGS = ("Alert", "Scenario", "Pending", "Firing", "Notified", "Minimum", "Resolved")


def latency_table(latencies: Iterable[tuple[str, AlertLatency]]) -> Table:
    """Return the table for the terminal, from pairs of a scenario's name and a latency."""
    table = Table(title="Seconds from the fault, and from its end to resolved", title_justify="left")
    for number, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="left" if number < 2 else "right", no_wrap=number > 1)
    for cells in _rows(latencies):
        table.add_row(*cells)
    return table


def markdown(latencies: Iterable[tuple[str, AlertLatency]], *, quick: bool, engine: str, at: float) -> str:
    """Return the table as Markdown, with the date and the command."""
    lines = [
        f"Measured on {datetime.fromtimestamp(at, UTC):%Y-%m-%d} with `lab drill{' --quick' if quick else ''}`, "
        f"{'in containers' if engine == 'compose' else 'natively'}.",
        "",
        "| " + " | ".join(_HEADINGS) + " |",
        "|---|---|" + "---:|" * (len(_HEADINGS) - 2),
    ]
    lines += ["| " + " | ".join([cells[0], f"`{cells[1]}`", *cells[2:]]) + " |" for cells in _rows(latencies)]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Write the table between the two marks of the file; without marks it becomes the whole file."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    marks = re.compile(f"({re.escape(_BEGIN)}\n).*({re.escape(_END)})", re.DOTALL)
    new = marks.sub(lambda found: f"{found[1]}{text}{found[2]}", before) if marks.search(before) else text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(new, encoding="utf-8")


def _rows(latencies: Iterable[tuple[str, AlertLatency]]) -> list[tuple[str, ...]]:
    return [
        (
            latency.alert,
            scenario,
            _seconds(latency.pending),
            _seconds(latency.firing),
            _seconds(latency.notified) if latency.notified is not None else "inhibited",
            _seconds(latency.theoretical_minimum),
            _seconds(latency.resolved),
        )
        for scenario, latency in sorted(latencies, key=lambda one: (one[1].alert, one[0]))
    ]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"
