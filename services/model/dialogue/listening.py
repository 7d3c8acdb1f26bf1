"""Understands one user message in the light of what was asked before."""

import re
from typing import Final, TypeVar

from services.model.dialogue.dates import FoundDate, find_dates, is_relative_week
from services.model.dialogue.intents import find_answer, find_choice, find_intents, find_topics
from services.model.dialogue.mentions import blank, find_business_name, find_city
from services.model.dialogue.state import Heard, State
from services.model.dialogue.times import FoundTime, find_part_of_day, find_times
from services.model.dialogue.vocabulary import find_kind
from services.model.dialogue.words import word_set

_ASKED_PLACE: Final = frozenset(("ask_city", "no_more", "not_found", "name_not_found", "ask_other"))
_ASKED_TIME: Final = word_set(
    "ask_time ask_when slots next_slots no_slots taken confirm ask_move_to unavailable past ask_change confirm_move"
)
_NEGATED: Final = re.compile(r"\b(?:instead\s+of|rather\s+than|not|from)\s+(?:on\s+|at\s+)?(?:the\s+)?$", re.IGNORECASE)
_TOWARDS: Final = re.compile(r"\b(?:to|on\s+to|for)\s+(?:the\s+)?$", re.IGNORECASE)
# Intents that alone make a message one that was understood.
_TELLING: Final = word_set(
    "affirm deny another book find slots soonest move cancel list human thanks bye greet smalltalk anywhere later "
    "earlier emergency advice intrusion"
)


def listen(text: str, state: State) -> Heard:
    """Return what the message says; dates are counted from the state's day."""
    dates = find_dates(text, state.today)
    rest = blank(text, dates)
    times = find_times(rest, bare=state.last_act in _ASKED_TIME)
    rest = blank(rest, times)
    asked_place = state.last_act in _ASKED_PLACE
    intents = find_intents(text)
    kind = find_kind(rest)
    city = find_city(rest, asked=asked_place and not _is_answer_only(intents))
    name = find_business_name(rest, asked=asked_place)
    if city and name and (name.lower() in city.lower() or city.lower() == name.lower()):
        name = None
    heard = Heard(
        text=text,
        intents=intents,
        topics=find_topics(text),
        dates=[found.value for found in _wanted(dates, text)],
        times=[found.value for found in _wanted(times, blank(text, dates))],
        part=find_part_of_day(text),
        kind=kind,
        city=city if not name or city != name else None,
        name=name,
        choice=find_choice(rest),
        to_date=any(_TOWARDS.search(text[: found.start]) for found in dates[-1:]),
    )
    if is_relative_week(text) and len(dates) == 1 and dates[0].value.weekday() in (0, 5) and not heard.times:
        heard.part = heard.part or "week"
    answer = find_answer(text)
    heard.agreed, heard.refused = answer is True, answer is False
    heard.understood = bool(
        heard.dates or heard.times or kind or city or name or heard.part or heard.topics or heard.choice is not None
        or intents & _TELLING
    )  # fmt: skip
    return heard


def _is_answer_only(intents: frozenset[str]) -> bool:
    return bool(
        intents & {"human", "cancel", "list", "bye", "anywhere", "emergency", "intrusion", "advice", "smalltalk"}
    )


Found = TypeVar("Found", FoundDate, FoundTime)


def _wanted(found: list[Found], text: str) -> list[Found]:
    """Leave out what is named only to be replaced ("not the 5th", "from Friday"), unless nothing else is left."""
    kept = [item for item in found if not _NEGATED.search(text[: item.start])]
    return kept or found
