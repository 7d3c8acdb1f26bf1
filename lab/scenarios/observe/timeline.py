"""The timeline of a run: its events, and the record of each alert."""

import math
import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
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
# Replaces the text of a hidden event.
HIDDEN = "hidden"


@dataclass(frozen=True)
class Event:
    """One line of the timeline: `at` is Unix time in seconds, `alert` and `fault` are names or empty.

    A blind run shows `hidden` events without their text.
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


@dataclass(frozen=True)
class AlertRecord:
    """The times of one alert, Unix time in seconds; None for what has not happened.

    `pending_at` and `firing_at` are the last ones before the notification or the inhibition: an alert that stopped
    in between started again. The other times are the first ones.
    """

    alert: str
    pending_at: float | None = None
    firing_at: float | None = None
    inhibited_at: float | None = None
    notified_at: float | None = None
    cleared_at: float | None = None
    resolved_at: float | None = None

    @classmethod
    def of(cls, alert: str, events: Iterable[Event]) -> "AlertRecord":
        """Return the record of an alert, from events in the order of their times."""
        times: dict[str, list[float]] = defaultdict(list)
        for event in events:
            if event.alert == alert:
                times[event.kind].append(event.at)
        first = {kind: found[0] for kind, found in times.items()}
        reached = first.get("notified", first.get("inhibited", math.inf))
        last = {kind: max((at for at in times[kind] if at <= reached), default=None) for kind in ("pending", "firing")}
        others = {f"{kind}_at": first.get(kind) for kind in ("inhibited", "notified", "cleared", "resolved")}
        return cls(alert, last["pending"], last["firing"], **others)

    @property
    def reached_at(self) -> float | None:
        """Return when the alert was notified, else when it was inhibited."""
        return self.inhibited_at if self.notified_at is None else self.notified_at


class Timeline:
    """The events of a run that began at `started_at`, Unix time in seconds, and its alerts by name."""

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.events: list[Event] = []
        self.alerts: dict[str, AlertRecord] = {}
        self._lock = threading.Lock()

    def add(self, event: Event) -> None:
        """Insert an event by its time; servers report some events late."""
        # New objects: another thread draws the screen from the old ones.
        with self._lock:
            self.events = sorted([*self.events, event], key=lambda one: one.at)
            if event.alert:
                names = dict.fromkeys(one.alert for one in self.events if one.alert)
                self.alerts = {name: AlertRecord.of(name, self.events) for name in names}

    def alert(self, name: str) -> AlertRecord:
        """Return the record of an alert; it is empty before its first event."""
        return self.alerts.get(name, AlertRecord(name))

    def seconds(self, at: float) -> float:
        """Return the seconds from the start of the run to a Unix time."""
        return at - self.started_at

    def first(self, kind: Kind, fault: str = "") -> float | None:
        """Return the Unix time of the first event of a kind, and of that fault if one is named."""
        return next((one.at for one in self.events if one.kind == kind and fault in ("", one.fault)), None)

    def last(self, kind: Kind) -> float | None:
        """Return the Unix time of the last event of a kind."""
        return next((one.at for one in reversed(self.events) if one.kind == kind), None)

    @property
    def origin(self) -> float:
        """Return the Unix time from which alerts count: the first fault, without one the start of the run."""
        return self.first("fault on") or self.started_at
