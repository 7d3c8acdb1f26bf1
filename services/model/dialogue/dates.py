"""Finds dates in a message: "next Tuesday", "the 10th of this month", "in two days", "3/7"."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from services.model.dialogue.text import MONTHS, NUMBERS, ORDINALS, WEEKDAYS, Found, alternatives, to_number


@dataclass(frozen=True)
class FoundDate(Found[date]):
    """A date, or the first day of a period such as "next week"."""

    is_period: bool = False


_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
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
    return _next_date(today, month, day)


def _month_day(match: Match, today: date) -> date:
    month, day = _index(MONTHS, match["month"]) + 1, to_number(match["day"])
    return date(int(match["year"]), month, day) if match["year"] else _next_date(today, month, day)


def _index(names: Sequence[str], name: str) -> int:
    """Return the index of a weekday or month, which may be abbreviated."""
    return [full[:3] for full in names].index(name.lower()[:3])


def _next_date(today: date, month: int, day: int) -> date:
    """Return this day of the year, of next year if it has passed."""
    found = date(today.year, month, day)
    return found if found >= today else date(today.year + 1, month, day)


def _day_of_month(match: Match, today: date) -> date:
    day, which = to_number(match["day"]), _which(match)
    first = today.replace(day=1)
    if which == "next" or (not which and day < today.day):
        first = (first + timedelta(days=32)).replace(day=1)
    return first.replace(day=day)


def _which(match: Match) -> str:
    """Return "this", "next" or ""."""
    return (match.groupdict().get("which") or "").lower()


def _weekday(match: Match, today: date) -> date:
    index, which = _index(WEEKDAYS, match["weekday"]), _which(match)
    if which == "next":  # of the next week, which begins on Monday
        return _next_week(match, today) + timedelta(days=index)
    days = (index - today.weekday()) % 7
    return today + timedelta(days=7 if days == 0 and which != "this" else days)


def _from_now(match: Match, today: date) -> date:
    word = match["count"].lower()
    count = 1 if word in ("a", "an") else to_number(word)
    return today + timedelta(days=count * (7 if match["unit"].lower().startswith("week") else 1))


def _week_from(match: Match, today: date) -> date:
    days = {"today": 7, "tomorrow": 8}.get(match["base"].lower())
    return today + timedelta(days=days) if days else _weekday(match, today) + timedelta(days=7)


def _days(count: int) -> Callable[[Match, date], date]:
    return lambda _match, today: today + timedelta(days=count)


def _this_weekend(_match: Match, today: date) -> date:
    return today + timedelta(days=(5 - today.weekday()) % 7)


def _next_week(_match: Match, today: date) -> date:
    return today + timedelta(days=7 - today.weekday())


_TOMORROW: Final = r"(?:tom+or+ow|tommorow|tomorow|tmrw|tmr|2morrow)\b"
_YEAR: Final = r"(?:,?\s*(?P<year>20\d\d))?"

# Applied in this order; each rule reads what the earlier rules did not match.
_RULES: Final[list[tuple[re.Pattern[str], Callable[[Match, date], date]]]] = [
    (re.compile(pattern, re.IGNORECASE), rule)
    for pattern, rule in (
        (r"\b(?P<year>20\d\d)-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b", _iso),
        (r"(?<![\d/])(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:/(?P<year>20\d\d|\d\d))?(?![\d/])", _numeric),
        (rf"\b{_MONTH}\s+(?:the\s+)?{_DAY}{_YEAR}", _month_day),
        (rf"\b{_DAY}\s+(?:of\s+|day\s+of\s+)?{_MONTH}{_YEAR}", _month_day),
        (rf"\b{_ORDINAL}\s+(?:of\s+|day\s+of\s+)?(?P<which>this|next)\s+month\b", _day_of_month),
        (rf"\b(?:the\s+)?day\s+after\s+{_TOMORROW}|\bovermorrow\b", _days(2)),
        (r"\b(?:a|one|1)\s+week\s+from\s+(?P<base>today|tomorrow|" + _WEEKDAY + ")", _week_from),
        (rf"\b(?:in\s+)?{_COUNT}\s+(?P<unit>days?|weeks?)\s+(?:from\s+(?:now|today)|later|time)\b", _from_now),
        (rf"\bin\s+{_COUNT}\s+(?P<unit>days?|weeks?)(?:'s?\s+time)?\b", _from_now),
        (rf"\b{_TOMORROW}", _days(1)),
        (rf"\b{_WEEKDAY}\s+(?:of\s+|in\s+)?(?P<which>this|next)\s+week\b", _weekday),
        (rf"\b(?P<which>this|next)\s+week\s*(?:on\s+|,\s*)?{_WEEKDAY}", _weekday),
        (rf"\b(?P<which>this|next)\s+(?:coming\s+)?{_WEEKDAY}", _weekday),
        (r"\b(?:later\s+)?today\b|\btonight\b|\bthis\s+(?:morning|afternoon|evening)\b", _days(0)),
        (rf"\b{_WEEKDAY}", _weekday),
        (rf"\b(?:on\s+|for\s+)?the\s+{_ORDINAL}(?!\s+(?:one|option|choice|time|slot|available))", _day_of_month),
        (r"\b(?P<day>\d{1,2}\s?(?:st|nd|rd|th))\b", _day_of_month),
        (r"\b(?:this|the)\s+weekend\b", _this_weekend),
        (r"\bnext\s+week\b", _next_week),
    )
]

# Abbreviations that are also words: they are dates only next to a date word.
_NOT_DATES: Final = {"may", "mar", "sun", "sat", "wed", "second"}


def find_dates(text: str, today: date) -> list[FoundDate]:
    """Return the dates in the text by position, also negated ones ("not the 5th"), without days that do not exist."""
    found: list[FoundDate] = []
    rest = text
    for pattern, rule in _RULES:
        for match in pattern.finditer(rest):
            if match.group().lower().strip(" .") in _NOT_DATES and not match.group()[0].isupper():
                continue
            rest = rest[: match.start()] + " " * (match.end() - match.start()) + rest[match.end() :]
            try:
                value = rule(match, today)
            except ValueError:  # the 31st of a month with 30 days
                continue
            found.append(FoundDate(value, match.start(), match.end(), rule in (_this_weekend, _next_week)))
    return sorted(found, key=lambda item: item.start)
