"""Local times: the instant that a wall clock's time is, also on the days of a clock change."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


class SkippedTimeError(ValueError):
    """A clock change skips the local time; `resumes_at` is the instant in UTC at which the clock goes on."""

    def __init__(self, local: datetime, zone: ZoneInfo, resumes_at: datetime) -> None:
        shown = resumes_at.astimezone(zone)
        super().__init__(
            f"{local:%H:%M} does not exist on {local:%Y-%m-%d} in {zone.key}: a clock change skips it. "
            f"The next time is {shown.isoformat()}."
        )
        self.resumes_at = resumes_at


def resolve(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC of a local time; the first one of a time that exists twice.

    Args:
        local: a time without zone.
        zone: its zone.

    Raises:
        SkippedTimeError: a clock change skips the time.
    """
    before, after = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    # PEP 495: of a skipped time, fold 0 has the offset before the change, which makes the later instant.
    if _offset(before) < _offset(after):
        raise SkippedTimeError(local, zone, _find_change(after.astimezone(UTC), before.astimezone(UTC), zone))
    return before.astimezone(UTC)


def resolve_forward(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC at which the clock first shows a local time, or passes it where it is skipped."""
    try:
        return resolve(local, zone)
    except SkippedTimeError as skipped:
        return skipped.resumes_at


def exists_twice(local: datetime) -> bool:
    """Return whether the clock shows the time of an instant, given in its zone, a second time."""
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def format_time(local: datetime) -> str:
    """Format an instant, given in its zone, for a sentence; a time that exists twice has its zone's abbreviation."""
    return local.strftime("%A, %B %d, %Y at %H:%M" + (" %Z" if exists_twice(local) else ""))


def _find_change(earliest: datetime, latest: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC of the clock change between two instants in UTC."""
    target = _offset(latest.astimezone(zone))
    seconds = range(int(earliest.timestamp()), int(latest.timestamp()))
    place = bisect_left(seconds, x=True, key=lambda second: _offset(datetime.fromtimestamp(second, zone)) == target)
    return datetime.fromtimestamp(seconds.start + place, UTC)


def _offset(moment: datetime) -> timedelta:
    offset = moment.utcoffset()
    assert offset is not None, "the time has a zone"
    return offset
