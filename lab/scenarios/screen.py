"""Shows a run while it goes: one live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.console import Console
from lab.scenarios.judge.alert_latency import AlertLatency
from lab.scenarios.judge.verdict import Check
from lab.scenarios.observe.timeline import Event, Kind, Timeline
from lab.scenarios.run.faults import ActiveFault

_COLOURS = {
    "fault on": "red",
    "first failure": "red",
    "unwanted": "red",
    "firing": "red",
    "trouble": "red",
    "pending": "yellow",
    "inhibited": "magenta",
    "notified": "bold red",
    "fault off": "green",
    "cleared": "green",
    "resolved": "bold green",
    "stopping": "yellow",
}


# What is said of an alert, in the order in which it happens.
_STEPS: tuple[Kind, ...] = ("pending", "firing", "inhibited", "notified", "cleared", "resolved")


@dataclass
class Now:
    """The figures of this moment; None where they are not known."""

    phase: str = "starting"
    users: int = 0
    requests_per_second: float | None = None
    failed_share: float | None = None
    p95_seconds: float | None = None
    faults: list[ActiveFault] = field(default_factory=list)


class Screen:
    """Draws the run. `show` is called for each new event, `now` is changed by the run as it goes.

    With a `prefix` there are only plain lines, each beginning with it: several runs share the screen.
    """

    def __init__(self, console: Console, title: str, timeline: Timeline, prefix: str = "") -> None:
        self.now = Now()
        self._console = console
        self._title = title
        self._timeline = timeline
        self._prefix = prefix
        self._plain = bool(prefix) or not console.is_terminal

    def live(self) -> AbstractContextManager[object]:
        """Return the context within which the live table is drawn."""
        if self._plain:
            self._console.print(self._title, highlight=False, soft_wrap=True, markup=False)
            return nullcontext()
        return Live(get_renderable=self.draw, console=self._console, refresh_per_second=4)

    def show(self, event: Event) -> None:
        """Print an event's line where there is no live table to show it."""
        if self._plain:
            self._console.print(self._line(event), highlight=False, soft_wrap=True, markup=False)

    def draw(self) -> RenderableType:
        """Return the whole screen as it is now."""
        age = time.time() - self._timeline.started_at
        parts: list[RenderableType] = [
            Text(self._title, "bold"),
            Text.assemble((f"{age:6.0f} s  ", "bold cyan"), (self.now.phase, "cyan")),
            Text(self._figures(), "cyan"),
            *self._faults(),
            *self._alerts(),
        ]
        # Title and figures must stay in sight: of the events only the last ones fit.
        used = 8 + len(self.now.faults) + len(self._timeline.alerts("pending"))
        return Group(*parts, self._events(max(5, self._console.height - used)))

    def _line(self, event: Event) -> str:
        prefix = f"{self._prefix:<20} " if self._prefix else ""
        return f"{prefix}{self._timeline.seconds(event.at):7.1f} s  {event.kind:<14} {event.shown}"

    def _faults(self) -> list[RenderableType]:
        if not self.now.faults:
            return []
        table = Table(box=None, pad_edge=False, title="Faults on", title_justify="left", show_header=False)
        for one in self.now.faults:
            since, until = self._timeline.seconds(one.on_at), self._timeline.seconds(one.ends_at)
            table.add_row(Text(one.label, "red"), f"since {since:.1f} s", Text(f"until {until:.0f} s at most", "dim"))
        return [table]

    def _alerts(self) -> list[RenderableType]:
        events = [event for event in self._timeline.events if event.alert]
        if not events:
            return []
        table = Table(box=None, pad_edge=False)
        table.add_column("Alert")
        for step in _STEPS:
            table.add_column(step, justify="right", style=_COLOURS[step])
        for name in dict.fromkeys(event.alert for event in events):
            seconds = {
                event.kind: self._timeline.seconds(event.at) for event in reversed(events) if event.alert == name
            }
            table.add_row(name, *(f"{seconds[step]:.1f} s" if step in seconds else "-" for step in _STEPS))
        return [table]

    def _events(self, most: int) -> Table:
        table = Table.grid(padding=(0, 2))
        for event in self._timeline.events[-most:]:
            at = f"{self._timeline.seconds(event.at):6.1f} s"
            kind = Text(event.kind, _COLOURS.get(event.kind, ""))
            table.add_row(Text(at, "dim"), kind, Text(event.shown, no_wrap=True, overflow="ellipsis"))
        return table

    def _figures(self) -> str:
        def or_dash(value: float | None, how: Callable[[float], str]) -> str:
            return "-" if value is None else how(value)

        return (
            f"users {self.now.users}   "
            f"requests/s {or_dash(self.now.requests_per_second, lambda v: f'{v:.1f}')}   "
            f"failed {or_dash(self.now.failed_share, lambda v: f'{v:.0%}')}   "
            f"p95 {or_dash(self.now.p95_seconds, lambda v: f'{v:.2f} s')}"
        )


def print_revealed(console: Console, story: str, timeline: Timeline) -> None:
    """Print what a blind run has kept to itself."""
    console.print(f"Revealed: {story}", highlight=False, soft_wrap=True, markup=False)
    for event in timeline.events:
        if event.hidden:
            line = f"{timeline.seconds(event.at):7.1f} s  {event.kind:<14} {event.text}"
            console.print(line, highlight=False, soft_wrap=True, markup=False)


def print_end(console: Console, checks: list[Check], latencies: list[AlertLatency]) -> None:
    """Print expected and seen, and for each page where its time went."""
    table = Table(title="Expected and seen", title_justify="left")
    for name in ("", "what", "expected", "seen"):
        table.add_column(name)
    for row in checks:
        mark = Text("✓", "green") if row.ok else Text("✗", "red")
        table.add_row(mark, row.what, row.expected, row.seen)
    console.print(table)
    for latency in latencies:
        console.print(_describe_latency(latency), highlight=False, soft_wrap=True)


def _describe_latency(latency: AlertLatency) -> str:
    if latency.notified is None:
        return f"{latency.alert}: fault to inhibited {latency.inhibited or 0.0:.1f} s."
    parts = {
        "first failed answer": latency.first_failure,
        "window crossing, scrape, evaluation": latency.crossing,
        "for": latency.for_duration,
        "group wait": latency.group_wait,
    }
    text = " + ".join(f"{name} {'?' if value is None else f'{value:.1f}'}" for name, value in parts.items())
    least = latency.theoretical_minimum
    minimum = f"{least:.1f} s, the page took {latency.notified / least:.2f} of it" if least else "unknown"
    return f"{latency.alert}: fault to page {latency.notified:.1f} s. Minimum: {text} = {minimum}."
