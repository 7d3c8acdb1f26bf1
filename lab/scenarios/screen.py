"""Shows a run while it goes: one live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.scenarios.floor import Way
from lab.scenarios.timeline import Event, Timeline
from lab.scenarios.verdict import Row

_COLOURS = {
    "fault on": "red",
    "first failure": "red",
    "firing": "red",
    "trouble": "red",
    "pending": "yellow",
    "paged": "bold red",
    "fault off": "green",
    "cleared": "green",
    "resolved": "bold green",
    "stopping": "yellow",
}


@dataclass
class Now:
    """The figures of this moment; None where they are not known."""

    phase: str = "starting"
    users: int = 0
    requests_per_second: float | None = None
    failed_share: float | None = None
    p95_seconds: float | None = None


class Screen:
    """Draws the run. `show` is called for each new event, `now` is changed by the run as it goes."""

    def __init__(self, console: Console, title: str, timeline: Timeline) -> None:
        self.now = Now()
        self._console = console
        self._title = title
        self._timeline = timeline

    def live(self) -> AbstractContextManager[object]:
        """Return the context within which the live table is drawn."""
        if not self._console.is_terminal:
            self._console.print(self._title, highlight=False, soft_wrap=True)
            return nullcontext()
        return Live(get_renderable=self._draw, console=self._console, refresh_per_second=4)

    def show(self, event: Event) -> None:
        """Print an event's line where there is no live table to show it."""
        if not self._console.is_terminal:
            self._console.print(self._line(event), highlight=False, soft_wrap=True)

    def _line(self, event: Event) -> str:
        return f"{self._timeline.seconds(event.at):7.1f} s  {event.kind:<14} {event.text}"

    def _draw(self) -> RenderableType:
        age = time.time() - self._timeline.started_at
        head = Text.assemble((self._title, "bold"), f"   {self.now.phase}, {age:.0f} s")
        events = Table.grid(padding=(0, 2))
        for event in self._timeline.events:
            at = f"{self._timeline.seconds(event.at):.1f} s"
            events.add_row(Text(at, "dim", justify="right"), Text(event.kind, _COLOURS.get(event.kind, "")), event.text)
        return Group(head, Text(self._figures(), "cyan"), events)

    def _figures(self) -> str:
        def or_dash(value: float | None, how: Callable[[float], str]) -> str:
            return "-" if value is None else how(value)

        return (
            f"users {self.now.users}   "
            f"requests/s {or_dash(self.now.requests_per_second, lambda v: f'{v:.1f}')}   "
            f"failed {or_dash(self.now.failed_share, lambda v: f'{v:.0%}')}   "
            f"p95 {or_dash(self.now.p95_seconds, lambda v: f'{v:.2f} s')}"
        )


def print_end(console: Console, rows: list[Row], ways: list[Way]) -> None:
    """Print expected and seen, and for each page where its time went."""
    table = Table(title="Expected and seen", title_justify="left")
    for name in ("", "what", "expected", "seen"):
        table.add_column(name)
    for row in rows:
        mark = Text("✓", "green") if row.ok else Text("✗", "red")
        table.add_row(mark, row.what, row.expected, row.seen)
    console.print(table)
    for way in ways:
        console.print(_way(way), highlight=False, soft_wrap=True)


def _way(way: Way) -> str:
    parts = [
        ("first failed answer", way.first_failure),
        ("window crossing, scrape, evaluation", way.crossing),
        ("for", way.hold),
        ("group wait", way.group_wait),
    ]
    told = " + ".join(f"{name} {'?' if value is None else f'{value:.1f}'}" for name, value in parts)
    floor = (
        "not known" if way.floor is None else f"{way.floor:.1f} s, so the page took {way.paged / way.floor:.2f} of it"
    )
    return f"{way.alert}: fault to page {way.paged:.1f} s. Floor: {told} = {floor}."
