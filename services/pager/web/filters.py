"""Template filters: times, durations, timeline entries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from services.web.times import format_duration

# Labels of the events; the API has the short names.
_EVENTS = {
    "fired": "Fired",
    "notified": "Notified",
    "mailed": "Notified by email",
    "repeated": "Still firing",
    "recovered": "Alert resolved",
    "resolved": "Resolved",
    "reopened": "Reopened",
    "acknowledged": "Acknowledged",
    "escalated": "Escalated",
    "commented": "Comment",
    "silenced": "Silenced",
    "unsilenced": "Silence expired",
    "remediation": "Auto-remediation",
}


@dataclass(frozen=True)
class Line:
    """One entry of a timeline; `label` names the event, `after` is the time since the first entry."""

    at: datetime
    event: str
    label: str
    text: str
    by: str
    after: str


def timeline(events: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Return the entries of an incident's timeline; successive repeated notifications become one entry."""
    lines: list[Line] = []
    run = 0
    for event in events:
        at = moment(event["at"])
        kind = event["event"]
        run = run + 1 if kind == "repeated" else 0
        if run > 1:
            lines[-1] = replace(lines[-1], text=f"{run} more notifications, the last one at {clock(at)} UTC")
            continue
        since = (at - lines[0].at).total_seconds() if lines else 0
        after = f"+{format_duration(since)}" if lines else ""
        lines.append(Line(at, kind, _EVENTS.get(kind, kind), event["text"], event.get("by") or "", after))
    return lines


def moment(value: datetime | str) -> datetime:
    """Return the datetime, parsed from RFC 3339 where it is text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def clock(value: datetime | str) -> str:
    """Return the time of day in UTC, with the date unless it is today."""
    utc = moment(value).astimezone(UTC)
    today = datetime.now(UTC).date()
    return utc.strftime("%H:%M:%S" if utc.date() == today else "%Y-%m-%d %H:%M:%S")


def ago(value: datetime | str) -> str:
    """Return how long ago: `3 min 5 s ago`."""
    return f"{format_duration(-until(value))} ago"


def ahead(value: datetime | str) -> str:
    """Return how far ahead: `in 45 s`, or `now`."""
    seconds = until(value)
    return f"in {format_duration(seconds)}" if seconds >= 1 else "now"


def until(value: datetime | str) -> float:
    """Return the seconds until then; negative for the past."""
    return (moment(value) - datetime.now(UTC)).total_seconds()


def iso(value: datetime | str) -> str:
    """Return the time as ISO 8601."""
    return moment(value).isoformat()


def lasted(incident: Mapping[str, Any]) -> str:
    """Return the duration of a resolved incident."""
    return format_duration((moment(incident["resolved_at"]) - moment(incident["opened_at"])).total_seconds())
