"""Times and durations as text, for documents, pages and reports of all services."""

from datetime import UTC, datetime

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def format_rfc3339(at: datetime | float) -> str:
    """Format an instant in UTC with milliseconds: `2026-11-22T14:00:00.123Z`.

    Args:
        at: an aware datetime, or seconds since the epoch.

    Raises:
        ValueError: the datetime has no time zone.
    """
    if not isinstance(at, datetime):
        at = datetime.fromtimestamp(at, UTC)
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_duration(seconds: float) -> str:
    """Format a duration in its largest two units: `42 s`, `3 min 5 s`, `2 h 10 min`, `4 d 1 h`; 0 s if negative."""
    whole = max(0, round(seconds))
    parts: list[str] = []
    for name, size in _UNITS:
        count, whole = divmod(whole, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
