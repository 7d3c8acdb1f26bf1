"""Parses times: of users in JSON and queries, of the model in tool calls. Every instant is returned in UTC."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import PlainValidator, WithJsonSchema

from services.assistant.appointments import local_time

_EARLIEST, _LATEST = 2000, 2100
_EXAMPLE = "as in 2030-01-31T09:00:00-08:00"

# The forms of RFC 3339, section 5.6, and a time without seconds or offset, which only tool calls may have.
_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
_OFFSET = r"(?P<offset>[Zz]|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9]))"
_DAY = re.compile(_DATE)
_TIME = re.compile(_CLOCK)
_INSTANT = re.compile(f"{_DATE}[Tt ]{_CLOCK}{_OFFSET}?")
_OTHER_OFFSET = re.compile(f"{_DATE}[Tt ]{_CLOCK}[+-].*", re.DOTALL)

Groups = Mapping[str, str | None]


def parse_instant(text: str, zone: ZoneInfo | None = None) -> datetime:
    """Parse an RFC 3339 time and return it in UTC.

    Args:
        text: as `2030-01-31T09:00:00-08:00`.
        zone: that of a time without an offset; such a time may leave out its seconds, too. None requires both.

    Raises:
        SkippedTimeError: a clock change skips the local time.
        ValueError: another form, a part that is missing or out of range, or a leap second.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError(_explain(text))
    groups = found.groupdict()
    if zone is None and groups["second"] is None:
        raise ValueError(f"the seconds are missing, {_EXAMPLE}")
    if zone is None and groups["offset"] is None:
        raise ValueError(f"an offset is missing, {_EXAMPLE}")
    _check_year(int(groups["year"] or 0))
    local = _local_time(_day(groups), groups)
    if groups["offset"] is None:
        assert zone is not None
        return local_time.resolve(local, zone)
    return local.replace(tzinfo=_offset(groups)).astimezone(UTC)


def parse_day(text: str) -> date:
    """Parse a day.

    Raises:
        ValueError: another form than YYYY-MM-DD, or a day that does not exist.
    """
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError("not a date of the form YYYY-MM-DD, as in 2030-01-31")
    return _day(found.groupdict())


def parse_earliest(text: str, day: date | None, zone: ZoneInfo) -> datetime:
    """Parse the earliest time of a list and return it in UTC; a skipped local time begins when the clock goes on.

    Args:
        text: an RFC 3339 time, or HH:MM of `day`.
        day: a local day; None requires a time with a date.
        zone: that of a time without an offset.

    Raises:
        ValueError: another form, or a part that is missing or out of range.
    """
    clock = _TIME.fullmatch(text) if day else None
    try:
        if day and clock:
            _check_year(day.year)
            return local_time.resolve(_local_time(day, clock.groupdict()), zone)
        return parse_instant(text, zone)
    except local_time.SkippedTimeError as skipped:
        return skipped.resumes_at


def _explain(text: str) -> str:
    """Return what is wrong with a text that is no RFC 3339 time."""
    if _DAY.fullmatch(text):
        return f"a time is missing, {_EXAMPLE}"
    if _OTHER_OFFSET.fullmatch(text):
        return f"the offset must be Z, or hours and minutes with a colon, {_EXAMPLE}"
    return f"not an RFC 3339 time of the form YYYY-MM-DDTHH:MM:SS with an offset, {_EXAMPLE}"


def _check_year(year: int) -> None:
    # A change of zone overflows near the first and the last year that Python has.
    if not _EARLIEST <= year <= _LATEST:
        raise ValueError(f"the year must lie between {_EARLIEST} and {_LATEST}")


def _day(groups: Groups) -> date:
    try:
        return date(*(int(groups[part] or 0) for part in ("year", "month", "day")))
    except ValueError:
        raise ValueError("the calendar has no such day") from None


def _local_time(day: date, groups: Groups) -> datetime:
    hour, minute, second = (int(groups[part] or 0) for part in ("hour", "minute", "second"))
    if second == 60:
        raise ValueError("a leap second (:60) is not supported; send the second before or after it")
    try:
        clock = time(hour, minute, second)
    except ValueError:
        raise ValueError("hours go from 00 to 23, minutes and seconds from 00 to 59") from None
    fraction = groups["fraction"] or "0"
    # Rounded up, so that no fraction of a second becomes a full quarter of an hour.
    microseconds = -(-int(fraction) * 10**6 // 10 ** len(fraction))
    return datetime.combine(day, clock) + timedelta(microseconds=microseconds)


def _offset(groups: Groups) -> timezone:
    offset = timedelta(hours=int(groups["hours"] or 0), minutes=int(groups["minutes"] or 0))
    return timezone(-offset if groups["sign"] == "-" else offset)


def _validate_with(parse: Callable[[str], Any]) -> PlainValidator:
    def validate(value: object) -> Any:
        if not isinstance(value, str):
            raise ValueError("must be a string")
        return parse(value)

    return PlainValidator(validate)


# Types of fields in request models.
Instant = Annotated[
    datetime,
    _validate_with(parse_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 with offset, at a full quarter of an hour of the business's clock",
            "examples": ["2030-01-31T09:00:00-08:00"],
        }
    ),
]
Day = Annotated[
    date,
    _validate_with(parse_day),
    WithJsonSchema({"type": "string", "format": "date", "example": "2030-01-31"}),
]
