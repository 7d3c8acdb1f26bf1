"""Parses times: of users in JSON, of the model in tool calls."""

from datetime import date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, WithJsonSchema

_EARLIEST, _LATEST = 2000, 2100


def parse_instant(text: str, zone: ZoneInfo | None = None) -> datetime:
    """Parse an RFC 3339 time; `zone` is that of a time without an offset.

    Raises:
        ValueError: no time, a year out of range, or neither offset nor zone.
    """
    moment = datetime.fromisoformat(text)
    # Near the first and the last year a change of zone overflows.
    if not _EARLIEST <= moment.year <= _LATEST:
        raise ValueError(f"the year must lie between {_EARLIEST} and {_LATEST}")
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError("an offset is missing, as in 2030-01-31T09:00:00-08:00")
        return moment.replace(tzinfo=zone)
    return moment


def parse_day(text: str) -> date:
    """Parse a day as YYYY-MM-DD; raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone


def parse_clock(text: str, day: date, zone: ZoneInfo) -> datetime:
    """Parse HH:MM of a local day; raises ValueError."""
    return datetime.combine(day, time.fromisoformat(text), tzinfo=zone)


def _instant(text: str) -> str:
    if "T" not in text.upper():
        raise ValueError("a time is missing, as in 2030-01-31T09:00:00-08:00")
    parse_instant(text)
    return text


def _day(text: str) -> str:
    parse_day(text)
    return text


# Text in request models, so that the OpenAPI document describes it; routes parse it.
Instant = Annotated[
    str,
    AfterValidator(_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 with offset, at a full quarter of an hour",
            "examples": ["2030-01-31T09:00:00-08:00"],
        }
    ),
]
Day = Annotated[
    str,
    AfterValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "example": "2030-01-31"}),
]
