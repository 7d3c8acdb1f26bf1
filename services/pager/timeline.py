"""The lines of an incident's timeline: what is written, and how many at most."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.pager.notice import Instance
from services.pager.tables import Event, Incident

MAX_EVENTS = 200  # lines of one incident that alerts write; a flapping one is cut, and its resolution still noted
MAX_REPEATS = 20  # of them that only say "still firing"
MAX_INSTANCES = 200
MAX_HAND_EVENTS = 1000  # lines in all, with those that people write


def note(
    incident: Incident, at: datetime, kind: str, text: str, by: str | None = None, *, always: bool = False
) -> None:
    """Add a line. With `always` it is written when the timeline is full, too."""
    if always or len(incident.timeline) < MAX_EVENTS:
        incident.timeline.append(Event(at=at, event=kind, text=text, by=by))


def count(incident: Incident, kind: str) -> int:
    """How many lines of a kind there are."""
    return sum(line.event == kind for line in incident.timeline)


def stored(instances: Iterable[Instance], channel: str) -> dict[str, Any]:
    """Alerts as the database keeps them, by fingerprint."""
    return {
        instance.fingerprint: {
            "labels": dict(instance.labels),
            "started_at": instance.started_at.isoformat(),
            "ended_at": instance.ended_at.isoformat() if instance.ended_at else None,
            **({"channel": channel} if channel != "webhook" else {}),
        }
        for instance in instances
    }


def described(labels: Mapping[str, str]) -> str:
    """The labels that tell one alert of a group from another."""
    told = {"alertname", "severity", "role", "service"}
    return ", ".join(f"{name} {value}" for name, value in labels.items() if name not in told) or "another of the group"
