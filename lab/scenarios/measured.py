"""The table of measured times: each alert from its fault to the pager and back, beside the shortest it could be."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from lab.scenarios.floor import Way

_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
_HEADINGS = ("Alert", "Scenario", "Pending", "Firing", "Told", "Floor", "Resolved")


def table(ways: Iterable[tuple[str, Way]]) -> Table:
    """Return the table for the terminal; each way comes with the name of its scenario."""
    made = Table(title="Seconds from the fault, and from its end to resolved", title_justify="left")
    for number, heading in enumerate(_HEADINGS):
        made.add_column(heading, justify="left" if number < 2 else "right", no_wrap=number > 1)
    for cells in _rows(ways):
        made.add_row(*cells)
    return made


def markdown(ways: Iterable[tuple[str, Way]], *, quick: bool, engine: str, at: float) -> str:
    """Return the same as Markdown, with the date and how it was measured."""
    lines = [
        f"Measured on {datetime.fromtimestamp(at, UTC):%Y-%m-%d} with `lab drill{' --quick' if quick else ''}`, "
        f"{'in containers' if engine == 'compose' else 'natively'}.",
        "",
        "| " + " | ".join(_HEADINGS) + " |",
        "|---|---|" + "---:|" * (len(_HEADINGS) - 2),
    ]
    lines += ["| " + " | ".join([cells[0], f"`{cells[1]}`", *cells[2:]]) + " |" for cells in _rows(ways)]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Write the table: between its two marks where the file has them, else as the whole file."""
    try:
        before = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        before = ""
    marks = re.compile(f"({re.escape(_BEGIN)}\n).*({re.escape(_END)})", re.DOTALL)
    new = marks.sub(lambda found: f"{found[1]}{text}{found[2]}", before) if marks.search(before) else text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(new, encoding="utf-8")


def _rows(ways: Iterable[tuple[str, Way]]) -> list[tuple[str, ...]]:
    return [
        (
            way.alert,
            scenario,
            _seconds(way.pending),
            _seconds(way.firing),
            _seconds(way.paged) if way.paged is not None else "held back",
            _seconds(way.floor),
            _seconds(way.resolved),
        )
        for scenario, way in sorted(ways, key=lambda one: (one[1].alert, one[0]))
    ]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"
