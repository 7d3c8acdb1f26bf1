"""Natural language understanding: parses one user message in the context of the last question."""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final, TypeVar

from services.model.dialogue.dates import find_dates
from services.model.dialogue.intents import find_answer, find_choice, find_intents, find_topics
from services.model.dialogue.mentions import blank, find_place
from services.model.dialogue.state import TIME_OFFERS, ParsedMessage
from services.model.dialogue.text import Found, word_set
from services.model.dialogue.times import find_part_of_day, find_times
from services.model.dialogue.vocabulary import find_kind

_PLACE_QUESTIONS: Final = word_set("ask_city no_more not_found name_not_found ask_other")
_TIME_QUESTIONS: Final = TIME_OFFERS | word_set(
    "ask_when no_slots confirm ask_move_to unavailable past ask_change confirm_move ask_time"
)
_YES_QUESTIONS: Final = word_set("confirm confirm_offer confirm_move")
_CHOICES: Final = TIME_OFFERS | word_set("ask_which")
_FEW_WORDS: Final = 6
_FIRST_ONE: Final = re.compile(r"\b(?:first|earliest)\s+(?:one|option|slot|time)\b", re.IGNORECASE)
# Longer messages are cut: a request for an appointment is shorter.
_MAX_CHARACTERS: Final = 2000
_NEGATED: Final = re.compile(r"\b(?:instead\s+of|rather\s+than|not|from)\s+(?:on\s+|at\s+)?(?:the\s+)?$", re.IGNORECASE)
_TOWARDS: Final = re.compile(r"\b(?:to|on\s+to|for)\s+(?:the\s+)?$", re.IGNORECASE)
# A message with one of these intents names no place.
_NO_PLACE: Final = word_set("human cancel list bye anywhere emergency intrusion advice smalltalk thanks soonest")
# Intents that need no further content.
_INFORMATIVE: Final = word_set(
    "affirm deny another book find slots soonest move cancel list human thanks bye greet smalltalk anywhere later "
    "earlier emergency advice intrusion"
)


# Each response parses the whole conversation again, so that messages recur.
@lru_cache(maxsize=2048)
def parse(text: str, today: date, last_act: str | None) -> ParsedMessage:
    """Return the content of the message.

    Args:
        text: of the user.
        today: to which "tomorrow" refers.
        last_act: of the assistant: the last question.
    """
    text = text[:_MAX_CHARACTERS]
    choice = find_choice(text)
    chooses = last_act in _CHOICES and choice is not None
    dates = [] if chooses else find_dates(text, today)
    without_dates = blank(text, dates)
    times = [] if chooses else find_times(without_dates, bare=last_act in _TIME_QUESTIONS or bool(dates))
    rest = blank(without_dates, times)
    intents = find_intents(text)
    topics = find_topics(text)
    is_answer = last_act in _PLACE_QUESTIONS and not (topics or choice is not None or intents & _NO_PLACE)
    place = find_place(rest, is_answer=is_answer)
    wanted = _without_negated(dates, text)
    answer = find_answer(text)
    content: dict[str, Any] = {
        "dates": tuple(found.value for found in wanted),
        "times": tuple(found.value for found in _without_negated(times, without_dates)),
        "part": find_part_of_day(text),
        "kind": find_kind(rest),
        "city": place.city,
        "name": place.name,
        "topics": tuple(topics),
    }
    return ParsedMessage(
        text=text,
        intents=intents,
        negated_dates=tuple(found.value for found in dates if found not in wanted),
        choice=choice,
        is_period=bool(dates) and dates[-1].is_period and not times,
        to_date=bool(dates) and _TOWARDS.search(text[: dates[-1].start]) is not None,
        agreed=answer is True or (answer is None and last_act in _YES_QUESTIONS and _means_yes(text, intents, topics)),
        refused=answer is False,
        understood=any(content.values()) or bool(intents & _INFORMATIVE) or choice is not None,
        **content,
    )


def _means_yes(text: str, intents: frozenset[str], topics: list[str]) -> bool:
    """Return whether a message without a yes accepts a proposal: thanks, or "the first one"."""
    if topics or "bye" in intents:
        return False
    return _FIRST_ONE.search(text) is not None or ("thanks" in intents and len(text.split()) <= _FEW_WORDS)


AnyFound = TypeVar("AnyFound", bound=Found[Any])


def _without_negated(found: Sequence[AnyFound], text: str) -> Sequence[AnyFound]:
    """Return what is not to be replaced ("not the 5th", "from Friday"), or all if nothing else is left."""
    return [item for item in found if not _NEGATED.search(text[: item.start])] or found
