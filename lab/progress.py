"""Shows progress: a live table on a terminal, plain lines elsewhere."""

import time
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lab.console import Console

_MARKS = {"done": ("✓", "green"), "failed": ("✗", "red"), "missing": ("-", "yellow")}


@dataclass
class _Row:
    text: str
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    mark: str | None = None

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.started


class Board:
    """A board with one row per service or step, each with its seconds; a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._rows: dict[str, _Row] = {}
        self._live: Live | None = None

    def __enter__(self) -> "Board":
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._draw, console=self.console, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def working(self, name: str, text: str) -> None:
        """Show `text` in row `name`; its time starts with the first call."""
        row = self._rows.get(name)
        if row is None:
            self._rows[name] = _Row(text)
        elif row.text == text and row.mark is None:
            return
        else:
            row.text, row.mark, row.ended = text, None, None
        self._line(name)

    def done(self, name: str, text: str) -> None:
        """Show that row `name` is done."""
        self._end(name, text, "done")

    def failed(self, name: str, text: str) -> None:
        """Show that row `name` failed; `text` is the reason."""
        self._end(name, text, "failed")

    def missing(self, name: str, text: str) -> None:
        """Show that row `name` cannot run on this machine; `text` is the reason."""
        self._end(name, text, "missing")

    def note(self, name: str, text: str) -> None:
        """Print a line about row `name` above the table."""
        self.console.print(f"! {name:<13} {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)

    def _end(self, name: str, text: str, mark: str) -> None:
        row = self._rows.setdefault(name, _Row(text))
        row.text, row.mark, row.ended = text, mark, time.monotonic()
        self._line(name)

    def _line(self, name: str) -> None:
        if self._live is None:
            row = self._rows[name]
            mark = _MARKS[row.mark][0] if row.mark else "·"
            self.console.print(f"{mark} {name:<13} {row.text} ({row.seconds:.1f} s)", highlight=False, soft_wrap=True)

    def _draw(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        for name, row in self._rows.items():
            if row.mark:
                sign, colour = _MARKS[row.mark]
                mark: RenderableType = Text(sign, colour)
            else:
                mark = Spinner("dots", style="cyan")
            table.add_row(mark, Text(name, "bold"), Text(row.text), Text(f"{row.seconds:.1f} s", "dim"))
        return table
