"""Words of dates and times in English: reading and writing."""

from collections.abc import Sequence
from datetime import date, datetime, time, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UNIT_WORDS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_UNITS: Final = _UNIT_WORDS.split()
_TENS: Final = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty"}
_ORDINAL_WORDS: Final = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ORDINALS: Final = _ORDINAL_WORDS.split()

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)


def _numbers() -> dict[str, int]:
    numbers = {word: value for value, word in enumerate(_UNITS)}
    for value, tens in _TENS.items():
        numbers[tens] = value
        for unit in range(1, 10):
            numbers[f"{tens}-{_UNITS[unit]}"] = numbers[f"{tens} {_UNITS[unit]}"] = value + unit
    return numbers


def _ordinals() -> dict[str, int]:
    ordinals = {word: value for value, word in enumerate(_ORDINALS, start=1)}
    ordinals |= {"thirtieth": 30, "thirty-first": 31, "thirty first": 31}
    for unit in range(1, 10):
        ordinals[f"twenty-{_ORDINALS[unit - 1]}"] = ordinals[f"twenty {_ORDINALS[unit - 1]}"] = 20 + unit
    return ordinals


NUMBERS: Final = _numbers()
ORDINALS: Final = _ordinals()


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


def alternatives(words: list[str] | dict[str, int] | tuple[str, ...]) -> str:
    """Return the words as one regular expression group body, longest first."""
    return "|".join(sorted(words, key=len, reverse=True))


def to_number(text: str) -> int:
    """Return the value of "7", "7th", "seven" or "seventh". Raises KeyError for anything else."""
    lowered = text.lower()
    digits = lowered.rstrip("stndrh")
    if digits.isdigit():
        return int(digits)
    return NUMBERS[lowered] if lowered in NUMBERS else ORDINALS[lowered]


_OFFERED: Final = 3


def read_moment(text: object, zone: tzinfo | None = None) -> datetime | None:
    """Return the moment of an RFC 3339 text, in the zone when one is given; None when it is none."""
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
    """Return the IANA time zone of that name, or the default when it is unknown."""
    if not isinstance(name, str) or not name:
        return default
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return default


def at(day: date, clock: time, zone: tzinfo) -> str:
    """Return the RFC 3339 text of that day and time in the zone, with its offset of that day."""
    return datetime.combine(day, clock, tzinfo=zone).isoformat()


def spoken_time(moment: time) -> str:
    """Return "9:30 AM"."""
    return f"{moment.hour % 12 or 12}:{moment.minute:02d} {'AM' if moment.hour < 12 else 'PM'}"


def spoken_day(day: date, today: date) -> str:
    """Return "Friday, March 8", with the year when it is not this one."""
    text = f"{day:%A}, {day:%B} {day.day}"
    return text if day.year == today.year else f"{text}, {day.year}"


def spoken_when(moment: datetime, today: date) -> str:
    """Return "Friday, March 8 at 9:30 AM"."""
    return f"{spoken_day(moment.date(), today)} at {spoken_time(moment.time())}"


def spoken_options(moments: Sequence[datetime], today: date) -> str:
    """Return the moments in one phrase; a day is said once when all share it."""
    if len({moment.date() for moment in moments}) == 1:
        times = [spoken_time(moment.time()) for moment in moments]
        return f"on {spoken_day(moments[0].date(), today)} at {join_or(times)}"
    return join_or([f"on {spoken_when(moment, today)}" for moment in moments])


def join_or(items: Sequence[str], word: str = "or") -> str:
    """Return "a, b or c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def in_part(moment: datetime, part: str | None) -> bool:
    """Return whether the time is in that part of its day; None is the whole day."""
    bounds = {"morning": (0, 12), "afternoon": (12, 17), "evening": (17, 24)}
    low, high = bounds.get(part or "", (0, 24))
    return low <= moment.hour < high


def pick(moments: Sequence[datetime], part: str | None = None, *, first: bool = False) -> list[datetime]:
    """Return up to three moments to offer: in the wished part of the day if any is, spread, or simply the first."""
    fitting = [moment for moment in moments if in_part(moment, part)] or list(moments)
    if first or len(fitting) <= _OFFERED:
        return fitting[:_OFFERED]
    return [fitting[0], fitting[len(fitting) // 2], fitting[-1]]
