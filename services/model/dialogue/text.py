"""Dates, times and numbers as English text, read and written."""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Final, Generic, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def _words(text: str) -> list[str]:
    return text.split()


_UNITS: Final = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS: Final = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty"}
_ORDINALS: Final = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_MAX_OPTIONS: Final = 3
# Part of the day -> its first hour and the hour after it.
_PARTS: Final = {"morning": (0, 12), "afternoon": (12, 17), "evening": (17, 24)}

WEEKDAYS: Final = tuple(name.lower() for name in calendar.day_name)
MONTHS: Final = tuple(name.lower() for name in calendar.month_name[1:])

Value = TypeVar("Value")


@dataclass(frozen=True)
class Found(Generic[Value]):
    """A value with its position in a text."""

    value: Value
    start: int
    end: int


def _compounds(tens: str, value: int, units: Sequence[str]) -> dict[str, int]:
    """Return the values of "twenty-one" and "twenty one" to the last unit."""
    return {f"{tens}{joint}{word}": value + unit for unit, word in enumerate(units, start=1) for joint in "- "}


NUMBERS: Final = {word: value for value, word in enumerate(_UNITS)}
for _value, _tens in _TENS.items():
    NUMBERS.update({_tens: _value, **_compounds(_tens, _value, _UNITS[1:10])})
ORDINALS: Final = {
    **{word: value for value, word in enumerate(_ORDINALS, start=1)},
    **_compounds("twenty", 20, _ORDINALS[:9]),
    **{"thirtieth": 30, "thirty-first": 31, "thirty first": 31},
}


def word_set(text: str) -> frozenset[str]:
    """Return the words of the text."""
    return frozenset(text.split())


def alternatives(words: Iterable[str]) -> str:
    """Return the words as the alternatives of a regular expression, longest first."""
    return "|".join(sorted(words, key=len, reverse=True))


def to_number(text: str) -> int:
    """Return the value of "7", "7th", "7 th", "seven" or "seventh".

    Raises:
        KeyError: the text is no number.
    """
    lowered = text.lower()
    digits = lowered.rstrip("stndrh ")
    if digits.isdigit():
        return int(digits)
    return NUMBERS[lowered] if lowered in NUMBERS else ORDINALS[lowered]


def read_moment(text: object, zone: tzinfo | None = None) -> datetime | None:
    """Return the time of an RFC 3339 text, converted to the zone if given; None for any other value."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone) if zone else None
    return moment.astimezone(zone) if zone else moment


def read_zone(name: object, default: tzinfo) -> tzinfo:
    """Return the IANA time zone with this name, or the default if there is none."""
    if not isinstance(name, str) or not name:
        return default
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return default


def spoken_time(moment: time) -> str:
    """Return "9:30 AM"."""
    return f"{moment.hour % 12 or 12}:{moment.minute:02d} {'AM' if moment.hour < 12 else 'PM'}"


def spoken_day(day: date, today: date) -> str:
    """Return "Friday, March 8", with the year if it is not the current one."""
    text = f"{day:%A}, {day:%B} {day.day}"
    return text if day.year == today.year else f"{text}, {day.year}"


def spoken_when(moment: datetime, today: date) -> str:
    """Return "Friday, March 8 at 9:30 AM"."""
    return f"{spoken_day(moment.date(), today)} at {spoken_time(moment.time())}"


def spoken_options(moments: Sequence[datetime], today: date) -> str:
    """Return the times as one phrase, which names the day once if all share it."""
    if len({moment.date() for moment in moments}) == 1:
        times = [spoken_time(moment.time()) for moment in moments]
        return f"on {spoken_day(moments[0].date(), today)} at {join_words(times)}"
    return join_words([f"on {spoken_when(moment, today)}" for moment in moments])


def join_words(items: Sequence[str], word: str = "or") -> str:
    """Return "a, b or c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def choose_options(moments: Sequence[datetime], part: str | None, *, soonest: bool) -> list[datetime]:
    """Return up to three times to offer.

    Args:
        moments: all free times, sorted.
        part: the part of the day to prefer; None for the whole day.
        soonest: whether to return the first times; otherwise first, middle and last.
    """
    start, end = _PARTS.get(part or "", (0, 24))
    fitting = [moment for moment in moments if start <= moment.hour < end] or list(moments)
    if soonest or len(fitting) <= _MAX_OPTIONS:
        return fitting[:_MAX_OPTIONS]
    return [fitting[0], fitting[len(fitting) // 2], fitting[-1]]
