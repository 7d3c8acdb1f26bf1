"""Shows a run: a live table on a terminal, plain lines elsewhere, and the results at the end."""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.console import Console
from lab.scenarios.judge.alert_latency import AlertLatency
from lab.scenarios.judge.verdict import Check
from lab.scenarios.observe.live_stats import LiveStats
from lab.scenarios.observe.timeline import AlertRecord, Event, Timeline

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
# The states of an alert, in the order in which it has them.
_STATES = [one.name.removesuffix("_at") for one in fields(AlertRecord) if one.name.endswith("_at")]


class Screen:
    """Draws a run, whose session calls `show` for each new event and updates `stats`.

    With a `prefix` it prints plain lines that start with it: several runs share the terminal.
    """

    def __init__(self, console: Console, title: str, timeline: Timeline, prefix: str = "") -> None:
        self.stats = LiveStats()
        self._console = console
        self._title = title
        self._timeline = timeline
        self._prefix = prefix
        self._plain = bool(prefix) or not console.is_terminal

    def live(self) -> AbstractContextManager[object]:
        """Return the context in which the live table is drawn."""
        if self._plain:
            print_line(self._console, self._title)
            return nullcontext()
        return Live(get_renderable=self.draw, console=self._console, refresh_per_second=4)

    def show(self, event: Event) -> None:
        """Print the line of an event where there is no live table."""
        if self._plain:
            prefix = f"{self._prefix:<20} " if self._prefix else ""
            print_line(self._console, prefix + _line(self._timeline, event, event.shown))

    def draw(self) -> RenderableType:
        """Return the whole screen."""
        age = time.time() - self._timeline.started_at
        parts: list[RenderableType] = [
            Text(self._title, "bold"),
            Text.assemble((f"{age:6.0f} s  ", "bold cyan"), (self.stats.phase, "cyan")),
            Text(self._stats(), "cyan"),
            *self._faults(),
            *self._alerts(),
        ]
        # Title and statistics must stay visible: only the last events fit.
        used = 8 + len(self.stats.faults) + len(self._timeline.alerts)
        return Group(*parts, self._events(max(5, self._console.height - used)))

    def _faults(self) -> list[RenderableType]:
        if not self.stats.faults:
            return []
        table = Table(box=None, pad_edge=False, title="Faults on", title_justify="left", show_header=False)
        for one in self.stats.faults:
            since, until = self._timeline.seconds(one.on_at), self._timeline.seconds(one.ends_at)
            table.add_row(Text(one.label, "red"), f"since {since:.1f} s", Text(f"until {until:.0f} s at most", "dim"))
        return [table]

    def _alerts(self) -> list[RenderableType]:
        alerts = self._timeline.alerts
        if not alerts:
            return []
        table = Table(box=None, pad_edge=False)
        table.add_column("Alert")
        for state in _STATES:
            table.add_column(state, justify="right", style=_COLOURS[state])
        for name, record in alerts.items():
            times = [getattr(record, f"{state}_at") for state in _STATES]
            table.add_row(name, *("-" if at is None else f"{self._timeline.seconds(at):.1f} s" for at in times))
        return [table]

    def _events(self, most: int) -> Table:
        table = Table.grid(padding=(0, 2))
        for event in self._timeline.events[-most:]:
            at = f"{self._timeline.seconds(event.at):6.1f} s"
            kind = Text(event.kind, _COLOURS.get(event.kind, ""))
            table.add_row(Text(at, "dim"), kind, Text(event.shown, no_wrap=True, overflow="ellipsis"))
        return table

    def _stats(self) -> str:
        stats = self.stats
        requests = _format(stats.requests_per_second, ".1f")
        p95 = _format(stats.p95_seconds, ".2f", " s")
        return f"users {stats.users}   requests/s {requests}   failed {_format(stats.failed_share, '.0%')}   p95 {p95}"


def print_revealed(console: Console, summary: str, timeline: Timeline) -> None:
    """Print the hidden events of a blind run."""
    print_line(console, f"Revealed: {summary}")
    for event in timeline.events:
        if event.hidden:
            print_line(console, _line(timeline, event, event.text))


def print_end(console: Console, checks: list[Check], latencies: list[AlertLatency]) -> None:
    """Print the checks, and the parts of each alert latency."""
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


def _line(timeline: Timeline, event: Event, text: str) -> str:
    return f"{timeline.seconds(event.at):7.1f} s  {event.kind:<14} {text}"


def _format(value: float | None, spec: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{spec}}{unit}"


def print_line(console: Console, text: str) -> None:
    """Print a text as it is, without wrapping."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)
