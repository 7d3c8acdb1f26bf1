"""How the pages put moments, durations and the lines of a timeline into words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

# What happened, for the eye; the API keeps the short names.
_EVENTS = {
    "fired": "Fired",
    "notified": "Pager told",
    "mailed": "Mailed",
    "repeated": "Still firing",
    "recovered": "One alert over",
    "resolved": "Resolved",
    "reopened": "Reopened",
    "acknowledged": "Acknowledged",
    "escalated": "Escalated",
    "commented": "Comment",
    "silenced": "Silenced",
    "unsilenced": "Silence ended",
    "remediation": "Automatic action",
}


@dataclass(frozen=True)
class Line:
    """One line of a timeline as it is read: `after` is the time since the first one."""

    at: datetime
    event: str
    words: str
    text: str
    by: str
    after: str


def timeline(events: Iterable[Mapping[str, Any]]) -> list[Line]:
    """The events of an incident's document as lines. Notices that only say "still firing" become one line."""
    lines: list[Line] = []
    run = 0
    for event in events:
        at = moment(event["at"])
        kind = event["event"]
        run = run + 1 if kind == "repeated" else 0
        if run > 1:
            lines[-1] = replace(lines[-1], text=f"Told {run} times more, the last time at {clock(at)} UTC")
            continue
        since = (at - lines[0].at).total_seconds() if lines else 0
        after = f"+{span(since)}" if lines else ""
        lines.append(Line(at, kind, _EVENTS.get(kind, kind), event["text"], event.get("by") or "", after))
    return lines


def moment(value: datetime | str) -> datetime:
    """A moment as it is, or read from RFC 3339."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def clock(value: datetime | str) -> str:
    """Time of day in UTC, with the date where it is not today's."""
    utc = moment(value).astimezone(UTC)
    today = datetime.now(UTC).date()
    return utc.strftime("%H:%M:%S" if utc.date() == today else "%Y-%m-%d %H:%M:%S")


def ago(value: datetime | str) -> str:
    """How long ago: `3 min 5 s ago`."""
    return f"{span(-until(value))} ago"


def ahead(value: datetime | str) -> str:
    """How far ahead: `in 45 s`, or `at any moment` for what is due."""
    seconds = until(value)
    return f"in {span(seconds)}" if seconds >= 1 else "at any moment"


def until(value: datetime | str) -> float:
    """Seconds from now on; negative for what is past."""
    return (moment(value) - datetime.now(UTC)).total_seconds()


def span(seconds: float) -> str:
    """A duration in its largest two units: `42 s`, `3 min 5 s`, `2 h 10 min`, `4 d 1 h`."""
    whole = max(0, round(seconds))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def lasted(start: datetime | str, end: datetime | str) -> str:
    """How long from one moment to another."""
    return span((moment(end) - moment(start)).total_seconds())
