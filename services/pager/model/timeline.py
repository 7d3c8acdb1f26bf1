"""The entries of an incident's timeline, and their limits."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.pager.model.notification import Alert
from services.pager.model.tables import Event, Incident

MAX_EVENTS = 200  # entries by alerts per incident; a flapping alert is cut, its resolution still added
MAX_REPEATS = 20  # of them "still firing"
MAX_ALERTS = 200
MAX_HAND_EVENTS = 1000  # entries in all, with those of responders
# Labels that all alerts of a group share, or that say nothing about the alert.
_COMMON_LABELS = frozenset({"alertname", "severity", "role", "service"})


def add_entry(
    incident: Incident, at: datetime, kind: str, text: str, by: str | None = None, *, always: bool = False
) -> None:
    """Add an entry to the timeline.

    Args:
        at: when it happened, aware.
        kind: the event, such as `fired` or `acknowledged`.
        by: the responder; None for alerts and the pager.
        always: add it to a full timeline, too.
    """
    if always or len(incident.timeline) < MAX_EVENTS:
        incident.timeline.append(Event(at=at, event=kind, text=text, by=by))


def count(incident: Incident, kind: str) -> int:
    """Return the number of entries of a kind."""
    return sum(entry.event == kind for entry in incident.timeline)


def serialize(alerts: Iterable[Alert], channel: str) -> dict[str, Any]:
    """Return alerts as the database stores them, by fingerprint."""
    return {
        alert.fingerprint: {
            "labels": dict(alert.labels),
            "started_at": alert.started_at.isoformat(),
            "ended_at": alert.ended_at.isoformat() if alert.ended_at else None,
            **({"channel": channel} if channel != "webhook" else {}),
        }
        for alert in alerts
    }


def format_labels(labels: Mapping[str, str]) -> str:
    """Return the labels that distinguish one alert of a group from another."""
    own = ", ".join(f"{name} {value}" for name, value in labels.items() if name not in _COMMON_LABELS)
    return own or "another of the group"
