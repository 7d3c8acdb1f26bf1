"""Finds cities and names of businesses in what a person writes, known to the server or not."""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Final, Protocol

from services.model.dialogue.vocabulary import find_kind, find_known_city, is_kind_word
from services.model.dialogue.words import MONTHS, WEEKDAYS, word_set


class Span(Protocol):
    """Something found between two positions of a text."""

    @property
    def start(self) -> int:
        """First character."""

    @property
    def end(self) -> int:
        """One past the last character."""


_WORD: Final = r"(?:(?:Dr|St|Jr|Sr|Mrs?|Ms)\.|[A-Z]\.(?!\s+[A-Z][a-z]+\s+[a-z])|[A-Z0-9](?:[\w'\u2019&!+-]|\.(?=\w))*)"
_NAME: Final = rf"{_WORD}(?:(?:\s*[,:&-]\s*|\s+(?:(?:of|and|&|the|de|la|for|by|on|n)\s+)*){_WORD})*"
_LEAD: Final = (
    r"(?:\bat|\bwith|\bto|\bfor|\bsee|\bvisit(?:ing)?|\bcalled|\bnamed|\bname\s+is|\bname\s+of|\btry|\bchoose|\bprefer|"
    r"\bname'?s|\bsalon\s+is|\bdoctor\s+is|\bdentist\s+is|\bplace\s+is|\bit'?s|\bis|\bin|\bwant|\blike|\bbook|\bbe|"
    r"\bsalon|\bdentist|\bdoctor|\bvia)"
)
_LED_NAME: Final = re.compile(rf"(?:{_LEAD})\s+(?:be\s+)?(?:the\s+)?(?P<name>{_NAME})")
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
# Words that begin sentences or fill them; a run of capitals that is only these is no name.
_FILLERS: Final = word_set(
    """i i'd i'm i'll i've a an the my we it it's its is in on at to for of and or but no not yes yeah yep ok okay sure
    please thanks thank you hello hi hey can could would will do does did what which who where when how why that this
    these those there they them he she his her their me us our am pm find look search book make schedule set try go get
    let let's want need like love prefer wish visit see actually sorry instead change one some something someone any
    anything anyone good great nice fine perfect awesome also just maybe probably anywhere near around here somewhere
    appointment appt salon shop place office dentist doctor city area town with by from as so if be was were been have
    has had rather better best really very much too other another different else about looking thinking preferably
    correct right sounds today tomorrow day time date morning afternoon evening noon check how's what's ent gp md unisex
    everything nothing all location located choice choose option kind type"""
)
_NO_PLACE: Final = word_set(
    """morning afternoon evening night my our your this that the a an me town area general case need time particular
    order advance days day two three weeks week mind there here it them him her person touch need person"""
)
_CALENDAR: Final = frozenset((*MONTHS, *WEEKDAYS, *(month[:3] for month in MONTHS), *(day[:3] for day in WEEKDAYS)))
_SPECIALTIES: Final = word_set(
    "gynecologist ophthalmologist dermatologist general practitioner specialist ent gp psychiatrist"
)
_GOOD_MATCH: Final = 0.78


def blank(text: str, spans: Iterable[Span]) -> str:
    """Return the text with a bar in the place of each span, so that no name runs across it."""
    for span in sorted(spans, key=lambda item: item.start, reverse=True):
        text = f"{text[: span.start]} | {text[span.end :]}"
    return text


def find_city(text: str, *, asked: bool = False) -> str | None:
    """Return the city in the text (without its dates and times), or None.

    asked: the person was asked for a city, so that a lone name may be one.
    """
    known = find_known_city(text)
    if known:
        return known
    for match in reversed(list(_PLACE.finditer(text))):
        name = _trim(match["city"])
        if name and not is_kind_word(name):
            return name
    spoken = _SPOKEN_PLACE.search(text)
    if spoken and not set(spoken["city"].split()) & (_NO_PLACE | _CALENDAR) and not is_kind_word(spoken["city"]):
        return spoken["city"].title()
    if asked:
        return _lone_name(text)
    return None


def find_business_name(text: str, *, asked: bool = False) -> str | None:
    """Return what looks like the name of a business or a doctor in the text (without dates and times), or None.

    asked: the person was asked where to book, so that a lone name may be one.
    """
    for match in _LED_NAME.finditer(text):
        name = _trim(match["name"])
        if name and _is_business(name) and not re.match(r"in\b", match.group()):
            return name
    if not asked:
        return None
    spoken = _SPOKEN_NAME.search(text)
    if spoken and spoken["name"].split()[0] not in _FILLERS and not is_kind_word(spoken["name"]):
        return spoken["name"]
    return None


def match_name(text: str, names: Sequence[str]) -> int | None:
    """Return the index of the name that the text speaks of, or None. Case, punctuation and small slips are ignored."""
    said = _plain(text)
    best, best_score = None, _GOOD_MATCH
    for index, name in enumerate(names):
        score = name_likeness(said, _plain(name))
        if score > best_score:
            best, best_score = index, score
    return best


def name_likeness(said: str, name: str) -> float:
    """Return 0 to 1: how surely the words `said` hold the name."""
    if not name or not said:
        return 0.0
    if re.search(rf"\b{re.escape(name)}\b", said):
        return 1.0 + len(name) / 1000  # among several that are all there, the longest
    said_words, name_words = said.split(), name.split()
    width = len(name_words)
    best = 0.0
    for start in range(max(1, len(said_words) - width + 1)):
        window = " ".join(said_words[start : start + width])
        best = max(best, SequenceMatcher(None, window, name).ratio())
    telling = [word for word in name_words if len(word) > 3 and not is_kind_word(word)]
    if telling and all(word in said_words for word in telling):
        best = max(best, 0.9)
    return best


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9 ]", "", re.sub(r"[-,&/.]", " ", text.lower())).split())


def _trim(name: str) -> str:
    """Take filler words off both ends ("Supercuts I" -> "Supercuts")."""
    words = name.replace("\u2019", "'").split()
    while words and (words[-1].lower().strip(".,!") in _FILLERS | _CALENDAR or words[-1] in ("&", "-", ",")):
        words.pop()
    while words and words[0].lower().strip(".,!") in (_FILLERS - {"la"}) | _CALENDAR:
        words.pop(0)
    return " ".join(words).strip(" .,:;!-")


def _is_business(name: str) -> bool:
    words = {word.lower().strip(".,") for word in name.split()}
    if words <= _SPECIALTIES or is_kind_word(name) or name.replace(":", "").isdigit():
        return False
    city = find_known_city(name)
    return not (city and len(city.split()) == len(name.split()))


def _lone_name(text: str) -> str | None:
    """Return the longest run of capitals, or what is left of a short answer without its filler words."""
    runs = [_trim(match.group()) for match in _ANY_NAME.finditer(text)]
    runs = [run for run in runs if run and _is_business(run) and not find_kind(run)]
    if runs:
        return max(runs, key=len)
    words = [
        word for word in re.findall(r"[A-Za-z][\w'.-]*", text) if word.lower().strip(".") not in _FILLERS | _CALENDAR
    ]
    left = " ".join(words).strip(" .")
    if 0 < len(words) <= 3 and len(text.split()) <= 6 and not is_kind_word(left) and not find_kind(left):
        return left.title()
    return None
