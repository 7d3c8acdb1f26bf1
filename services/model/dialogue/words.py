"""Small closed classes of English words that dates and times are written with."""

from typing import Final

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
