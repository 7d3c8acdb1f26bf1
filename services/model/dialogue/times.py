"""Finds times of day in a message: "half past 3 in the afternoon", "quarter to five", "17:15"."""

import re
from datetime import time
from typing import Final

from services.model.dialogue.text import NUMBERS, Found, alternatives, to_number

_HOUR: Final = rf"(?P<hour>\d{{1,2}}|(?:{alternatives([w for w in NUMBERS if 0 < NUMBERS[w] <= 12])})\b)"
_MINUTES: Final = r"(?P<minute>[0-5]\d)"
_SPOKEN: Final = alternatives([w for w in NUMBERS if 10 <= NUMBERS[w] <= 59])
_HALF_DAY: Final = r"(?P<half>a\.?\s?m\b\.?|p\.?\s?m\b\.?)"
_PART: Final = r"(?P<part>morning|forenoon|afternoon|evening|night)"
_AFTER_PART: Final = rf"(?:\s*(?:,\s*)?(?:in\s+)?(?:the\s+|th[er]\s+|this\s+|he\s+)?{_PART}\b)"
_BEFORE_PART: Final = (
    rf"\b(?:in\s+)?(?:the\s+)?{_PART}[\s,]+(?:time\s+)?(?:at\s+|around\s+|about\s+|by\s+|slot\s+|of\s+|preferably\s+)?"
)
_CLOCK: Final = r"\s*o\s?['\u2019`\"]?\s?clock\b"
_PAST: Final = r"(?P<past>half|(?:a\s+)?quarter|\d{1,2}|five|ten|twenty(?:[\s-]five)?)(?:\s+minutes?)?"
_DIRECTION: Final = r"\s+(?P<direction>past|after|to|till?|before|of)\s+"
_CORE: Final = (
    rf"(?:{_PAST}{_DIRECTION}{_HOUR}(?:{_CLOCK})?"
    rf"|(?<![\d:/.-]){_HOUR.replace('hour', 'hour2')}\s?[:.;h]\s?{_MINUTES}(?!\d)"
    rf"|{_HOUR.replace('hour', 'hour3')}\s+(?P<spoken>{_SPOKEN})\b"
    rf"|(?P<hour6>1[0-2]|[1-9])(?P<minute6>[0-5]\d)(?=\s*[ap]\.?\s?m\b)"
    rf"|(?<![\d:/.-]){_HOUR.replace('hour', 'hour4')}(?!\d)(?P<clock>{_CLOCK})?)"
)
# A number alone is a time only with evidence, which `_has_evidence` checks.
_TIME: Final = re.compile(
    rf"(?:{_BEFORE_PART.replace('part', 'part1', 1)})?(?P<lead>\b(?:at|around|about|by|@|till|until|to|for|after|"
    rf"before|from|make\s+it|say|nearer|closer\s+to)\s+(?:the\s+)?)?(?P<core>\b{_CORE})(?:\s*{_HALF_DAY})?{_AFTER_PART}?",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(r"\b(?P<noon>(?:12\s+)?noon|mid-?\s?day|lunch\s?time)\b|\b(?P<midnight>midnight)\b", re.I)
_STRONG_LEADS: Final = ("at", "around", "about", "by", "@", "say")
_UNITS_AFTER: Final = re.compile(
    r"\s*(?:st|nd|rd|th|days?|weeks?|months?|years?|minutes?|hours?|people|persons?|of\s+us|stars?|miles?|options?"
    r"|appointments?|of\s+(?:them|these|those)|dollars?|%|/|-\d)",
    re.IGNORECASE,
)
_POLITE_END: Final = re.compile(
    r"[\s.,!?]*(?:please|pls|thanks|thank you|works|is fine|would be \w+)?[\s.,!?]*", re.IGNORECASE
)
_PART_ONLY: Final = re.compile(rf"\b{_PART}\b", re.IGNORECASE)


def find_times(text: str, *, bare: bool = False) -> list[Found[time]]:
    """Return the times in the text by position.

    Hours without "am", "pm" or a part of the day are opening hours: 1 to 7 is the afternoon, 8 to 12 the morning.
    `bare` says whether a number alone may be a time, because the last question was for one.
    """
    found = [
        Found(time(12, 0) if match["noon"] else time(0, 0), match.start(), match.end())
        for match in _NAMED.finditer(text)
    ]
    named = list(found)
    for match in _TIME.finditer(text):
        if any(item.start < match.end() and match.start() < item.end for item in named):
            continue
        value = _value(match, text, bare)
        if value is not None:
            found.append(Found(value, match.start("core"), match.end()))
    return sorted(found, key=lambda item: item.start)


def find_part_of_day(text: str) -> str | None:
    """Return "morning", "afternoon" or "evening" if the text names one outside a greeting, else None."""
    cleaned = re.sub(
        r"\b(?:good|lovely|great|nice|wonderful)\s+(?:morning|afternoon|evening|night)\b", " ", text.lower()
    )
    match = _PART_ONLY.search(cleaned)
    if not match:
        return None
    return {"forenoon": "morning", "night": "evening"}.get(match["part"], match["part"])


def _value(match: re.Match[str], text: str, bare: bool) -> time | None:
    hour_text = next((match[f"hour{n}"] for n in ("", "2", "3", "4", "6") if match[f"hour{n}"]), None)
    if hour_text is None or not _has_evidence(match, text, bare):
        return None
    hour, minute = to_number(hour_text), _minute(match)
    if match["direction"] in ("to", "till", "til", "before", "of") and match["past"]:
        hour, minute = hour - 1, 60 - minute
    hour = _to_24_hours(hour, _half(match))
    return time(hour, minute) if 0 <= hour < 24 and 0 <= minute < 60 else None


def _minute(match: re.Match[str]) -> int:
    if match["past"]:
        word = match["past"].lower()
        return 30 if word == "half" else 15 if word.endswith("quarter") else to_number(word)
    if match["spoken"]:
        return to_number(match["spoken"].lower())
    return int(match["minute"] or match["minute6"] or 0)


def _half(match: re.Match[str]) -> str | None:
    if match["half"]:
        return match["half"][0].lower()
    part = (match["part"] or match["part1"] or "").lower()
    if not part:
        return None
    return "a" if part in ("morning", "forenoon") else "p"


def _to_24_hours(hour: int, half: str | None) -> int:
    if half == "a":
        return 0 if hour == 12 else hour
    if half == "p" or (half is None and 1 <= hour <= 7):
        return hour + 12 if hour < 12 else hour
    return hour


def _has_evidence(match: re.Match[str], text: str, bare: bool) -> bool:
    if any(match[group] for group in ("half", "minute", "past", "clock", "spoken", "hour6", "part", "part1")):
        return True
    if _UNITS_AFTER.match(text, match.end("core")):
        return False
    lead = (match["lead"] or "").lower().split()
    if not lead and match["hour4"].lower() == "one":
        return False  # "the second one", "that one"
    if lead and (lead[0] in _STRONG_LEADS or bare):
        # "at 1512 Barber Shop", "at 3 Bridges": a name follows, not a time.
        return re.match(r"\s+[A-Z][a-z]", text[match.end("core") :]) is None
    return bare and _POLITE_END.fullmatch(text, match.end()) is not None
