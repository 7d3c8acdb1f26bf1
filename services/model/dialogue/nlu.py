"""Understands one user message in the light of what was asked before."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

from services.model.dialogue.dates import FoundDate, find_dates
from services.model.dialogue.intents import find_answer, find_choice, find_intents, find_topics
from services.model.dialogue.mentions import blank, find_place
from services.model.dialogue.state import ParsedMessage, State
from services.model.dialogue.text import word_set
from services.model.dialogue.times import FoundTime, find_part_of_day, find_times
from services.model.dialogue.vocabulary import find_kind

_ASKED_PLACE: Final = frozenset(("ask_city", "no_more", "not_found", "name_not_found", "ask_other"))
_ASKED_TIME: Final = word_set(
    "ask_time ask_when slots next_slots no_slots taken closed confirm ask_move_to unavailable past ask_change "
    "confirm_move"
)
_FEW_WORDS: Final = 6
_FIRST_ONE: Final = re.compile(r"\b(?:first|earliest)\s+(?:one|option|slot|time)\b", re.IGNORECASE)
# Longer messages are cut: no request for an appointment has so many characters.
_LONGEST: Final = 2000
_NEGATED: Final = re.compile(r"\b(?:instead\s+of|rather\s+than|not|from)\s+(?:on\s+|at\s+)?(?:the\s+)?$", re.IGNORECASE)
_TOWARDS: Final = re.compile(r"\b(?:to|on\s+to|for)\s+(?:the\s+)?$", re.IGNORECASE)
_ASKED_YES: Final = word_set("confirm confirm_offer confirm_move")
_ASKED_WHICH: Final = word_set("slots next_slots taken closed ask_which")
# With these a message names no place, whatever words it has.
_NO_PLACE: Final = word_set("human cancel list bye anywhere emergency intrusion advice smalltalk thanks soonest")
# Intents that alone make a message one that was understood.
_INFORMATIVE: Final = word_set(
    "affirm deny another book find slots soonest move cancel list human thanks bye greet smalltalk anywhere later "
    "earlier emergency advice intrusion"
)


class Asked(NamedTuple):
    """What the person was asked for before the message."""

    time: bool = False
    place: bool = False
    which: bool = False
    yes: bool = False


def listen(text: str, state: State) -> ParsedMessage:
    """Return what the message says; dates are counted from the state's day."""
    act = state.last_act
    asked = Asked(act in _ASKED_TIME, act in _ASKED_PLACE, act in _ASKED_WHICH, act in _ASKED_YES)
    return _understand(text[:_LONGEST], state.today, asked)


# Every answer is made from the whole conversation, so that each message is understood once a turn.
@lru_cache(maxsize=2048)
def _understand(text: str, today: date, asked: Asked) -> ParsedMessage:
    choice = find_choice(text)
    chooses = asked.which and choice is not None
    dates: Sequence[FoundDate] = () if chooses else find_dates(text, today)
    rest = blank(text, dates)
    times: Sequence[FoundTime] = () if chooses else find_times(rest, bare=asked.time or bool(dates))
    rest = blank(rest, times)
    intents = find_intents(text)
    topics = find_topics(text)
    place = find_place(rest, asked=asked.place and not (topics or choice is not None or intents & _NO_PLACE))
    wanted = _wanted(dates, text)
    answer = find_answer(text)
    parsed = ParsedMessage(
        text=text,
        intents=intents,
        topics=tuple(topics),
        dates=tuple(found.value for found in wanted),
        left_dates=tuple(found.value for found in dates if found not in wanted),
        times=tuple(found.value for found in _wanted(times, blank(text, dates))),
        part=find_part_of_day(text),
        kind=find_kind(rest),
        city=place.city or place.lone,
        name=place.name,
        choice=choice,
        weeks=any(found.is_start for found in dates[-1:]) and not times,
        to_date=any(_TOWARDS.search(text[: found.start]) for found in dates[-1:]),
        agreed=answer is True or (answer is None and asked.yes and _means_yes(text, intents, topics)),
        refused=answer is False,
    )
    said = (
        parsed.dates,
        parsed.times,
        parsed.kind,
        parsed.city,
        parsed.name,
        parsed.part,
        topics,
        intents & _INFORMATIVE,
    )
    return replace(parsed, understood=any(said) or parsed.choice is not None)


def _means_yes(text: str, intents: frozenset[str], topics: list[str]) -> bool:
    """Return whether the message, after a question for a yes, is only thanks or takes "the first one"."""
    if topics or "bye" in intents:
        return False
    return _FIRST_ONE.search(text) is not None or ("thanks" in intents and len(text.split()) <= _FEW_WORDS)


Found = TypeVar("Found", FoundDate, FoundTime)


def _wanted(found: Sequence[Found], text: str) -> Sequence[Found]:
    """Leave out what is named only to be replaced ("not the 5th", "from Friday"), unless nothing else is left."""
    kept = [item for item in found if not _NEGATED.search(text[: item.start])]
    return kept or found
