"""Finds the dates in what a person writes: "next Tuesday", "the 10th of this month", "in two days", "3/7"."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from services.model.dialogue.text import MONTHS, NUMBERS, ORDINALS, WEEKDAYS, alternatives, to_number


@dataclass(frozen=True)
class FoundDate:
    """A date and where in the text it stood."""

    value: date
    start: int
    end: int
    is_start: bool = False  # "next week": the first day of a stretch, none in particular


_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
)
_MONTH_WORD: Final = _MONTH + r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
_DAY: Final = rf"(?P<day>\d{{1,2}}\s?(?:st|nd|rd|th)\b|\d{{1,2}}(?![\d:]|\s*[ap]\.?m\b)|(?:{alternatives(ORDINALS)})\b)"
_ORDINAL: Final = rf"(?P<day>\d{{1,2}}\s?(?:st|nd|rd|th)\b|(?:{alternatives(ORDINALS)})\b)"
_WEEKDAY: Final = (
    r"(?P<weekday>mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday|nsday|nesay)?|thu(?:rs?(?:day)?)?|fri(?:day)?"
    r"|sat(?:urday|erday)?|sun(?:day)?)s?\b\.?"
)
_COUNT: Final = rf"(?P<count>\d{{1,2}}|an?|(?:{alternatives([w for w in NUMBERS if NUMBERS[w] > 0])}))"

Match = re.Match[str]


def _iso(match: Match, _today: date) -> date:
    return date(int(match["year"]), int(match["month"]), int(match["day"]))


def _numeric(match: Match, today: date) -> date:
    month, day = int(match["month"]), int(match["day"])
    if month > 12:  # 14/3: the day is written first
        month, day = day, month
    if match["year"]:
        year = int(match["year"])
        return date(year if year > 99 else 2000 + year, month, day)
    return _coming(today, month, day)


def _month_day(match: Match, today: date) -> date:
    name = match["month"].lower()[:3]
    month = next(number for number, word in enumerate(MONTHS, start=1) if word.startswith(name))
    day = to_number(match["day"].replace(" ", "") if match["day"][0].isdigit() else match["day"])
    year = match.groupdict().get("year")
    return date(int(year), month, day) if year else _coming(today, month, day)


def _coming(today: date, month: int, day: int) -> date:
    """Return the month's day in this year, or in the next one when it is past."""
    found = date(today.year, month, day)
    return found if found >= today else date(today.year + 1, month, day)


def _day_of_month(match: Match, today: date) -> date:
    day = to_number(match["day"].replace(" ", "") if match["day"][0].isdigit() else match["day"])
    which = (match.groupdict().get("which") or "").lower()
    first = today.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    if which == "next" or (not which and day < today.day):
        return following.replace(day=day)
    return first.replace(day=day)


def _weekday(match: Match, today: date) -> date:
    index = next(i for i, word in enumerate(WEEKDAYS) if word.startswith(match["weekday"].lower()[:3]))
    groups = match.groupdict()
    which = (groups.get("which") or groups.get("week") or "").lower()
    monday = today - timedelta(days=today.weekday())
    if which == "next":
        # "next Friday" said on a Monday is the one of the week after; weeks begin on Monday.
        return monday + timedelta(days=7 + index)
    ahead = (index - today.weekday()) % 7
    if ahead == 0 and which != "this":
        ahead = 7
    return today + timedelta(days=ahead)


def _from_now(match: Match, today: date) -> date:
    word = match["count"].lower()
    count = 1 if word in ("a", "an") else to_number(word)
    return today + timedelta(days=count * (7 if match["unit"].lower().startswith("week") else 1))


def _week_from(match: Match, today: date) -> date:
    if match["base"].lower() == "today":
        return today + timedelta(days=7)
    if match["base"].lower() == "tomorrow":
        return today + timedelta(days=8)
    return _weekday(match, today) + timedelta(days=7)


def _days(count: int) -> Callable[[Match, date], date]:
    return lambda _match, today: today + timedelta(days=count)


def _this_weekend(_match: Match, today: date) -> date:
    return today + timedelta(days=(5 - today.weekday()) % 7)


def _next_week(_match: Match, today: date) -> date:
    return today + timedelta(days=7 - today.weekday())


_TOMORROW: Final = r"(?:tom+or+ow|tommorow|tomorow|tmrw|tmr|2morrow)\b"
_YEAR: Final = r"(?:,?\s*(?P<year>20\d\d))?"

# Tried in this order; a later rule sees only what the earlier ones left.
_RULES: Final[list[tuple[re.Pattern[str], Callable[[Match, date], date]]]] = [
    (re.compile(pattern, re.IGNORECASE), rule)
    for pattern, rule in (
        (r"\b(?P<year>20\d\d)-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b", _iso),
        (r"(?<![\d/])(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:/(?P<year>20\d\d|\d\d))?(?![\d/])", _numeric),
        (rf"\b{_MONTH_WORD}\s+(?:the\s+)?{_DAY}{_YEAR}", _month_day),
        (rf"\b{_DAY}\s+(?:of\s+|day\s+of\s+)?{_MONTH_WORD}{_YEAR}", _month_day),
        (rf"\b{_ORDINAL}\s+(?:of\s+|day\s+of\s+)?(?P<which>this|next)\s+month\b", _day_of_month),
        (rf"\b(?:the\s+)?day\s+after\s+{_TOMORROW}|\bovermorrow\b", _days(2)),
        (r"\b(?:a|one|1)\s+week\s+from\s+(?P<base>today|tomorrow|" + _WEEKDAY + ")", _week_from),
        (rf"\b(?:in\s+)?{_COUNT}\s+(?P<unit>days?|weeks?)\s+(?:from\s+(?:now|today)|later|time)\b", _from_now),
        (rf"\bin\s+{_COUNT}\s+(?P<unit>days?|weeks?)(?:'s?\s+time)?\b", _from_now),
        (rf"\b{_TOMORROW}", _days(1)),
        (rf"\b{_WEEKDAY}\s+(?:of\s+|in\s+)?(?P<week>this|next)\s+week\b", _weekday),
        (rf"\b(?P<week>this|next)\s+week\s*(?:on\s+|,\s*)?{_WEEKDAY}", _weekday),
        (rf"\b(?P<which>this|next)\s+(?:coming\s+)?{_WEEKDAY}", _weekday),
        (r"\b(?:later\s+)?today\b|\btonight\b|\bthis\s+(?:morning|afternoon|evening)\b", _days(0)),
        (rf"\b{_WEEKDAY}", _weekday),
        (rf"\b(?:on\s+|for\s+)?the\s+{_ORDINAL}(?!\s+(?:one|option|choice|time|slot|available))", _day_of_month),
        (r"\b(?P<day>\d{1,2}\s?(?:st|nd|rd|th))\b", _day_of_month),
        (r"\b(?:this|the)\s+weekend\b", _this_weekend),
        (r"\bnext\s+week\b", _next_week),
    )
]

# Short forms that are words of their own: they count only next to a date word.
_NOT_DATES: Final = {"may", "mar", "sun", "sat", "wed", "second"}


def find_dates(text: str, today: date) -> list[FoundDate]:
    """Return the dates in the text, in their order.

    A closing "no, not the 5th" or "instead of Friday" is the caller's to judge. Days that do not exist are skipped.
    """
    found: list[FoundDate] = []
    rest = text
    for pattern, rule in _RULES:
        for match in list(_matches(pattern, rest)):
            rest = rest[: match.start()] + " " * (match.end() - match.start()) + rest[match.end() :]
            try:
                value = rule(match, today)
            except ValueError:  # the 31st of a month with 30 days
                continue
            is_start = rule in (_this_weekend, _next_week)
            found.append(FoundDate(value, match.start(), match.end(), is_start))
    return sorted(found, key=lambda date_found: date_found.start)


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[Match]:
    for match in pattern.finditer(text):
        if match.group().lower().strip(" .") in _NOT_DATES and not match.group()[0].isupper():
            continue
        yield match
