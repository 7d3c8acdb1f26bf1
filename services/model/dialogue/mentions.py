"""Finds cities and names of businesses in a message, also unknown ones."""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Final, NamedTuple

from services.model.dialogue.text import MONTHS, WEEKDAYS, Found, word_set
from services.model.dialogue.vocabulary import find_kind, find_known_city, is_kind_word

_WORD: Final = r"(?:(?:Dr|St|Jr|Sr|Mrs?|Ms)\.|[A-Z]\.(?!\s+[A-Z][a-z]+\s+[a-z])|[A-Z0-9](?:[\w'\u2019&!+-]|\.(?=\w))*)"
_NAME: Final = rf"{_WORD}(?:(?:\s*[,:&-]\s*|\s+(?:(?:of|and|&|the|de|la|for|by|on|n)\s+)*){_WORD})*"
# A business follows these; it follows those of _LEAD only if the last question was for no place.
_SURE_LEAD: Final = (
    r"(?i:\bat|\bwith|\bto(?!\s+(?:be|see|find))|\bsee|\bvisit(?:ing)?|\bcalled|\bnamed|\bname\s+is|\bname'?s|\bname\s+of|"
    r"\b(?:salon|doctor|dentist|place|shop|clinic|office)(?:'s)?\s+is|\bvia)"
)
_LEAD: Final = r"(?i:\bfor|\btry|\bchoose|\bprefer|\bit'?s|\bis|\bwant|\blike|\bbook|\bbe|\bsalon|\bdentist|\bdoctor)"
_FOLLOWING: Final = rf"\s*[-:,]?\s+(?:be\s+)?(?:the\s+)?(?P<name>{_NAME})"
_SURE_NAME: Final = re.compile(_SURE_LEAD + _FOLLOWING)
_LED_NAME: Final = re.compile(_LEAD + _FOLLOWING)
_TITLED_NAME: Final = re.compile(rf"(?P<name>\bDr\.?\s+{_NAME})")
_ANY_NAME: Final = re.compile(_NAME)
_SPOKEN_NAME: Final = re.compile(
    r"\b(?:at|with|called|named|name\s+is|see|visit|to)\s+(?:the\s+)?(?P<name>[a-z][\w'&.-]*(?:\s+[\w'&.-]+){0,4}?)"
    r"(?=\s*(?:$|[.,;!?|])|\s+(?:for|on|at|in|please|around|by|and|if|next|this)\b)"
)
_PLACE: Final = re.compile(
    rf"\b(?:in|near|around|within|from|closer\s+to|close\s+to|area\s+of|city\s+(?:of|is)|located\s+in)\s+(?:the\s+)?"
    rf"(?:city\s+of\s+)?(?P<city>{_NAME})"
)
_SPOKEN_PLACE: Final = re.compile(
    r"\b(?:in|near)\s+(?:the\s+city\s+of\s+)?(?P<city>[a-z]+(?:\s+[a-z]+){0,2}?)"
    r"(?=\s*(?:$|[.,;!?|])|\s+(?:for|on|at|please|area|thanks|and|that|who|which|around|by|next|this)\b)"
)
# Words that begin or fill sentences; a run of capitalised words that has only these is no name.
_FILLERS: Final = word_set(
    """i i'd i'm i'll i've a an the my we it it's its is in on at to for of and or but no not yes yeah yep ok okay sure
    please thanks thank you hello hi hey can could would will do does did what which who where when how why that this
    these those there they them he she his her their me us our am pm find look search book make schedule set try go get
    let let's want need like love prefer wish visit see actually sorry instead change one some something someone any
    anything anyone good great nice fine perfect awesome also just maybe probably anywhere near around here somewhere
    appointment appt salon shop place office dentist doctor city area town with by from as so if be was were been have
    has had rather better best really very much too other another different else about looking thinking preferably
    correct right sounds today tomorrow day time date morning afternoon evening noon check how's what's ent gp md unisex
    works work take first second third last earliest soonest
    everything nothing all location located choice choose option kind type"""
)
# Filler words that may be part of a name: Revamp Salon, Salon Revel.
_NAME_PARTS: Final = word_set("salon shop place office city")
_NO_PLACE: Final = word_set(
    """morning afternoon evening night my our your this that the a an me town area general case need time particular
    order advance days day two three weeks week mind there here it them him her person touch need person"""
)
_CALENDAR: Final = frozenset((*MONTHS, *WEEKDAYS, *(month[:3] for month in MONTHS), *(day[:3] for day in WEEKDAYS)))
_SPECIALTIES: Final = word_set(
    "gynecologist ophthalmologist dermatologist general practitioner specialist ent gp psychiatrist"
)
_GOOD_MATCH: Final = 0.78


def blank(text: str, spans: Iterable[Found[Any]]) -> str:
    """Return the text with a bar in place of each span, so that no name extends across it."""
    for span in sorted(spans, key=lambda item: item.start, reverse=True):
        text = f"{text[: span.start]} | {text[span.end :]}"
    return text


class Mention(NamedTuple):
    """A city, or the name of a business, as the user wrote it. A city without "in" may also be a business."""

    city: str | None = None
    name: str | None = None


def find_place(text: str, *, is_answer: bool = False) -> Mention:
    """Return the city or the business in the text, which has no dates and times.

    `is_answer` says whether the last question was for a place, so that a name alone is one.
    """
    name = _first_name(_SURE_NAME, text) or _first_name(_TITLED_NAME, text)
    city = find_city(text.replace(name, " ") if name else text)
    if name is None and not is_answer:
        name = _first_name(_LED_NAME, text)
        if name and city and city.lower() in name.lower():
            name = None
    if name is None and is_answer:
        spoken = _SPOKEN_NAME.search(text)
        if spoken and spoken["name"].split()[0] not in _FILLERS | _CALENDAR and not is_kind_word(spoken["name"]):
            name = spoken["name"]
    if is_answer and not name:
        city = city or _lone_name(text)
    return Mention(city, name)


def find_city(text: str) -> str | None:
    """Return the last well-known city of the text, else the one after "in", "near" or the like, else None."""
    known = find_known_city(text)
    if known:
        return known
    for match in reversed(list(_PLACE.finditer(text))):
        name = _trim(match["city"])
        if name and _is_business(name):
            return name
    spoken = _SPOKEN_PLACE.search(text)
    if spoken and not set(spoken["city"].split()) & (_NO_PLACE | _CALENDAR) and not is_kind_word(spoken["city"]):
        return spoken["city"].title()
    return None


def _first_name(pattern: re.Pattern[str], text: str) -> str | None:
    for match in pattern.finditer(text):
        name = match["name"] if "name" in match.group().lower() else _trim(match["name"])
        if name and _is_business(name):
            return _trim(name) or name
    return None


def match_name(text: str, names: Sequence[str]) -> int | None:
    """Return the index of the name in the text, or None. Case, punctuation and small misspellings are ignored."""
    words = _plain(text)
    scores = [_similarity(words, _plain(name)) for name in names]
    best = max(scores, default=0.0)
    return scores.index(best) if best > _GOOD_MATCH else None


@lru_cache(maxsize=4096)
def _similarity(text: str, name: str) -> float:
    """Return how similar the name is to a part of the text, from 0 to 1; slightly above 1 if it is there in full."""
    if not name or not text:
        return 0.0
    if re.search(rf"\b{re.escape(name)}\b", text):
        return 1.0 + len(name) / 1000  # of several complete names the longest is best
    text_words, name_words = text.split(), name.split()
    width = len(name_words)
    best = 0.0
    matcher = SequenceMatcher(None, "", name, autojunk=False)
    for start in range(max(1, len(text_words) - width + 1)):
        matcher.set_seq1(" ".join(text_words[start : start + width]))
        # The two quick ratios are upper bounds, which exclude most windows.
        if matcher.real_quick_ratio() > _GOOD_MATCH and matcher.quick_ratio() > _GOOD_MATCH:
            best = max(best, matcher.ratio())
    long_words = [word for word in name_words if len(word) > 3 and not is_kind_word(word)]
    if long_words and all(word in text_words for word in long_words):
        best = max(best, 0.9)
    return best


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9 ]", "", re.sub(r"[-,&/.]", " ", text.lower())).split())


def _trim(name: str) -> str:
    """Return the name without filler words at its ends ("Supercuts I" -> "Supercuts")."""
    words = name.replace("\u2019", "'").split()
    while words and (_is_filler(words[-1]) or words[-1] in ("&", "-", ",")):
        if len(words) > 1 and words[-1].strip(".,!").lower() in _NAME_PARTS and words[-1][0].isupper():
            break
        words.pop()
    while words and _is_filler(words[0]) and not (len(words) > 1 and words[0].lower() in _NAME_PARTS):
        if words[0].lower() in _CALENDAR and is_kind_word(" ".join(words[1:])):
            break  # August Barbershop
        words.pop(0)
    return " ".join(words).strip(" .,:;!-")


def _is_filler(word: str) -> bool:
    plain = word.lower().strip(".,!").removesuffix("'s")
    return plain in _FILLERS or plain in _CALENDAR


def _is_business(name: str) -> bool:
    words = {word.lower().strip(".,") for word in name.split()}
    if words <= _SPECIALTIES or is_kind_word(name) or name.replace(":", "").isdigit():
        return False
    city = find_known_city(name)
    return not (city and len(city.split()) == len(name.split()))


def _lone_name(text: str) -> str | None:
    """Return the longest run of capitalised words, else the words of a short answer that are no fillers, else None."""
    runs = [_trim(match.group()) for match in _ANY_NAME.finditer(text)]
    runs = [run for run in runs if run and _is_business(run)]
    if runs:
        return max(runs, key=len)
    words = [
        word for word in re.findall(r"[A-Za-z][\w'.-]*", text) if word.lower().strip(".") not in _FILLERS | _CALENDAR
    ]
    rest = " ".join(words).strip(" .")
    is_short = 0 < len(words) <= 3 and len(text.split()) <= 6 and "?" not in text
    return rest.title() if is_short and not is_kind_word(rest) and not find_kind(rest) else None
