"""What happened in a run, and when."""

import threading
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "users",
    "fault on",
    "first failure",
    "effect",
    "unwanted",
    "pending",
    "firing",
    "inhibited",
    "notified",
    "fault off",
    "cleared",
    "resolved",
    "stopping",
    "trouble",
]
# Shown in the place of a hidden fault.
HIDDEN = "hidden"


@dataclass(frozen=True)
class Event:
    """One line of the timeline: `at` is Unix time in seconds, `alert` and `fault` what it is about (or empty).

    `hidden` events are shown in a blind run as having come, without their text.
    """

    at: float
    kind: Kind
    text: str
    alert: str = ""
    fault: str = ""
    hidden: bool = False

    @property
    def shown(self) -> str:
        """Return the text for the screen during the run."""
        return HIDDEN if self.hidden else self.text


@dataclass
class Timeline:
    """The events of a run that began at `started_at` (Unix time in seconds)."""

    started_at: float
    events: list[Event] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, event: Event) -> None:
        """Put an event in its place: some are learned of after others that they came before."""
        # A new list: the screen, which is drawn by another thread, never sees one half sorted.
        with self._lock:
            self.events = sorted([*self.events, event], key=lambda one: one.at)

    def seconds(self, at: float) -> float:
        """Return the second of the run."""
        return at - self.started_at

    def first(self, kind: Kind, alert: str = "", since: float = 0.0, fault: str = "") -> float | None:
        """Return the Unix time of the first such event (of that alert or fault, if named) at or after `since`."""
        found = (
            event.at
            for event in self.events
            if event.kind == kind and event.at >= since and alert in ("", event.alert) and fault in ("", event.fault)
        )
        return next(found, None)

    def last(self, kind: Kind) -> float | None:
        """Return the Unix time of the last such event."""
        return next((event.at for event in reversed(self.events) if event.kind == kind), None)

    def alerts(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of the alerts that have such an event, each once."""
        return tuple(dict.fromkeys(event.alert for event in self.events if event.kind == kind))
