"""What happened in a run, and when."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "users",
    "fault on",
    "first failure",
    "effect",
    "pending",
    "firing",
    "paged",
    "fault off",
    "cleared",
    "resolved",
    "stopping",
    "trouble",
]


@dataclass(frozen=True)
class Event:
    """One line of the timeline: `at` is Unix time in seconds, `alert` the alert it is about (or empty)."""

    at: float
    kind: Kind
    text: str
    alert: str = ""


@dataclass
class Timeline:
    """The events of a run that began at `started_at` (Unix time in seconds)."""

    started_at: float
    events: list[Event] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Put an event in its place: some are learned of after others that they came before."""
        self.events.append(event)
        self.events.sort(key=lambda one: one.at)

    def seconds(self, at: float) -> float:
        """Return the second of the run."""
        return at - self.started_at

    def first(self, kind: Kind, alert: str = "", since: float = 0.0) -> float | None:
        """Return the Unix time of the first such event (of that alert, where one is named) at or after `since`."""
        found = (e.at for e in self.events if e.kind == kind and e.at >= since and (not alert or e.alert == alert))
        return next(found, None)

    def last(self, kind: Kind) -> float | None:
        """Return the Unix time of the last such event."""
        return next((event.at for event in reversed(self.events) if event.kind == kind), None)

    def alerts(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of the alerts that have such an event, each once."""
        return tuple(dict.fromkeys(event.alert for event in self.events if event.kind == kind))
