"""Changes goal and request by what a user message said."""

import re
from datetime import datetime, time
from typing import Final

from services.model.dialogue.mentions import match_name
from services.model.dialogue.selection import choose_target, known_businesses
from services.model.dialogue.state import ASKED_FOR_YES, BOOK, CANCEL, LIST, MOVE, Json, ParsedMessage, State
from services.model.dialogue.text import word_set
from services.model.dialogue.vocabulary import find_service, names_only_a_service

_BOOKING_ACTS: Final = word_set(
    "offer confirm_offer ask_other no_more not_found name_not_found ask_when ask_day ask_time slots next_slots "
    "no_slots confirm taken closed unavailable past ask_change ask_kind ask_city"
)
_OFFERING_ACTS: Final = word_set("slots next_slots taken closed")
_TIME_WORDS: Final = re.compile(r"\b(?:times?|days?|dates?|slots?|hours?|openings?|later|earlier)\b", re.IGNORECASE)
_PLACE_WORDS: Final = re.compile(
    r"\b(?:someone|somebody|somewhere|someplace|elsewhere|places?|office)\b", re.IGNORECASE
)
_PLACE_ACTS: Final = word_set("ask_city no_more not_found name_not_found")
# After these a word about a day or a time is about the appointment just made.
_AFTER: Final = frozenset(("booked", "moved"))


def update(state: State) -> None:
    """Apply `state.parsed` to the goal and the request."""
    parsed = state.parsed
    _set_goal(state, parsed)
    if state.goal in (CANCEL, MOVE):
        _update_change(state, parsed)
        if state.last_act == "ask_which":
            choose_target(state)
    else:
        _update_place(state, parsed)
        _update_when(state, parsed)


def _set_goal(state: State, parsed: ParsedMessage) -> None:
    intents = parsed.intents
    arranging = state.goal == BOOK and state.last_act in _BOOKING_ACTS
    before = state.goal
    keeps_target = state.last_act in _AFTER or (before is None and _is_about_booked(state, parsed))
    if "cancel" in intents and not (arranging and parsed.dates):
        state.goal = CANCEL
    elif "move" in intents and not (arranging and "reschedul" not in parsed.text.lower()):
        state.goal = MOVE
    elif "list" in intents and not arranging:
        state.goal = LIST
    elif state.goal is None and state.target and _is_about_booked(state, parsed):
        state.goal = MOVE
    elif state.goal in (MOVE, CANCEL) and not _turns_to_booking(parsed):
        pass
    elif _is_closing(state, parsed):
        state.goal = None
    elif _speaks_of_booking(parsed) or (state.last_act == "no_appointments" and parsed.agreed):
        state.goal = BOOK
    elif state.last_act == "appointments" and parsed.agreed:
        state.goal = MOVE
    elif state.goal == LIST:
        state.goal = None
    if state.goal in (MOVE, CANCEL) and before != state.goal:
        state.said_dates = []
        if not keeps_target:
            state.target = None
            state.appointments = None
        state.request.day = state.request.clock = None


def _speaks_of_booking(parsed: ParsedMessage) -> bool:
    if parsed.dates or parsed.times or parsed.intents & {"book", "find", "slots", "soonest"}:
        return True
    return bool(parsed.kind or parsed.city or parsed.name) and not parsed.topics


def _is_about_booked(state: State, parsed: ParsedMessage) -> bool:
    """Return whether a new time is meant for the appointment just made."""
    if not (parsed.dates or parsed.times) or "find" in parsed.intents:
        return False
    return "change" in parsed.intents or (state.last_act in _AFTER and not (parsed.kind or parsed.name))


def _turns_to_booking(parsed: ParsedMessage) -> bool:
    return bool("find" in parsed.intents or ("book" in parsed.intents and parsed.kind))


def _is_closing(state: State, parsed: ParsedMessage) -> bool:
    """Return whether the user ends the conversation; a yes to a booking does not."""
    if parsed.dates or parsed.times or parsed.intents & {"another", "slots", "soonest", "change"}:
        return False
    if parsed.agreed and state.last_act in ASKED_FOR_YES:
        return False
    return "bye" in parsed.intents


def _update_change(state: State, parsed: ParsedMessage) -> None:
    """Moving or cancelling: dates identify the appointment, or its new time."""
    request = state.request
    dates = [*parsed.left_dates, *parsed.dates]
    if state.goal == MOVE:
        if parsed.dates and (parsed.to_date or len(dates) > 1 or state.target is not None):
            request.day = dates.pop()
        if parsed.times:
            request.clock = parsed.times[-1]
        request.part = parsed.part or request.part
        _choose_option(state, parsed)
    state.said_dates = dates or state.said_dates


def _update_place(state: State, parsed: ParsedMessage) -> None:
    request = state.request
    own = state.own_business is not None
    if parsed.kind and parsed.kind != _present_kind(state) and not (own and names_only_a_service(parsed.text)):
        settled = request.business is not None
        if not settled or parsed.intents & {"find", "another"}:
            if settled or request.kind is not None:
                _forget_business(state)
            request.kind = parsed.kind
    if parsed.city and parsed.city != request.city and _is_new_city(state, parsed):
        request.city = parsed.city
        _forget_business(state)
    if "anywhere" in parsed.intents and state.last_act in _PLACE_ACTS:
        request.any_city = True
        request.city = None
    request.service = find_service(parsed.text) or request.service
    _take_named(state, parsed)
    _answer_offer(state, parsed)


def _present_kind(state: State) -> str | None:
    """Return the kind of the current business, or the one that is looked for."""
    kind = (state.request.business or {}).get("kind")
    return kind if isinstance(kind, str) else state.request.kind


def _is_new_city(state: State, parsed: ParsedMessage) -> bool:
    """A city named while a business is settled is a question about it, unless something else is looked for."""
    if state.request.business is None:
        return True
    return bool(parsed.intents & {"find", "another", "change"}) and not parsed.topics


def _forget_business(state: State) -> None:
    request = state.request
    request.business = request.offered = request.name = None
    request.skipped = 0


def _take_named(state: State, parsed: ParsedMessage) -> None:
    """A business may be named in full or in part; those that the tools gave are known by name."""
    request = state.request
    known = known_businesses(state)
    index = match_name(parsed.text, [str(business.get("name", "")) for business in known])
    if index is not None:
        if parsed.topics and not parsed.agreed and known[index] == request.offered:
            return  # a question about the place on offer, no choice of it
        request.business, request.offered, request.name = known[index], None, None
        return
    if not parsed.name or _is_own(state, parsed.name):
        return
    if request.business is not None and parsed.topics and not parsed.intents & {"change", "find", "another"}:
        return  # a question about a provider
    if request.business is not None:
        provider = match_name(parsed.name, [str(name) for name in _providers(request.business)])
        if provider is not None or state.own_business is not None:
            request.provider = _providers(request.business)[provider] if provider is not None else parsed.name
            return
    request.business = request.offered = None
    request.name = parsed.name


def _providers(business: Json) -> list[str]:
    names = [item.get("name") if isinstance(item, dict) else item for item in business.get("providers") or []]
    return [name for name in names if isinstance(name, str)]


def _is_own(state: State, name: str) -> bool:
    business = state.request.business or state.own_business
    return business is not None and match_name(name, [str(business.get("name", ""))]) is not None


def _answer_offer(state: State, parsed: ParsedMessage) -> None:
    request = state.request
    wants_other = _wants_other_place(state, parsed)
    if request.business is not None:
        if not wants_other or state.own_business is not None:
            return
        request.offered, request.business = request.business, None
    if request.offered is None:
        return
    if wants_other or (state.last_act == "ask_other" and parsed.agreed):
        request.offered = None
        request.skipped += 1
    elif state.last_act == "confirm_offer" and parsed.refused and not (parsed.dates or parsed.times):
        pass  # the policy asks what would be better
    elif parsed.agreed or parsed.dates or parsed.times or _goes_on(parsed):
        request.business, request.offered = request.offered, None


def _goes_on(parsed: ParsedMessage) -> bool:
    return bool(parsed.intents & {"book", "slots", "soonest"}) and not parsed.refused


def _wants_other_place(state: State, parsed: ParsedMessage) -> bool:
    """Return whether it is "is there someone else" and not "is there another time"."""
    if "another" not in parsed.intents or (parsed.agreed and "find" not in parsed.intents):
        return False
    if _TIME_WORDS.search(parsed.text):
        return False
    if state.last_act in _OFFERING_ACTS | {"confirm"}:
        return bool(parsed.kind or "find" in parsed.intents or _PLACE_WORDS.search(parsed.text))
    return True


def _update_when(state: State, parsed: ParsedMessage) -> None:
    request = state.request
    if parsed.weeks:
        request.day, request.soonest = None, True
        request.after = _start_of(state, parsed)
        return
    if parsed.dates:
        request.day, request.after, request.soonest = parsed.dates[-1], None, False
    if parsed.times:
        request.clock, request.soonest = parsed.times[-1], False
    if parsed.part:
        request.part = parsed.part
        if not parsed.times and parsed.intents & {"change", "another"} | ({"deny"} & parsed.intents):
            request.clock = None
    if "soonest" in parsed.intents and not parsed.times:
        request.soonest = True
    if state.last_act in ("ask_when", "ask_day") and _leaves_it_open(state, parsed):
        request.soonest = True
    if state.last_act == "ask_change":
        _drop_named(state, parsed)
    _choose_option(state, parsed)
    if state.last_act in _OFFERING_ACTS and not parsed.times and state.options:
        _other_times(state, parsed)


def _leaves_it_open(state: State, parsed: ParsedMessage) -> bool:
    """Asked for a time, a person may take the first one, or only say yes: then times are offered."""
    return parsed.choice is not None or (parsed.agreed and state.repeats > 0 and not parsed.dates and not parsed.times)


def _drop_named(state: State, parsed: ParsedMessage) -> None:
    """Asked what to change, a person may only name it: "the time"."""
    request, words = state.request, set(parsed.text.lower().replace(".", " ").replace(",", " ").split())
    if words & {"time", "hour"} and not parsed.times:
        request.clock = None
    if words & {"day", "date"} and not parsed.dates:
        request.day = None
    if words & {"place", "location", "business", "salon"} and not parsed.name and state.own_business is None:
        _forget_business(state)


def _start_of(state: State, parsed: ParsedMessage) -> datetime:
    return datetime.combine(parsed.dates[-1], time(0, 0), tzinfo=state.zone)


def _choose_option(state: State, parsed: ParsedMessage) -> None:
    """Take one of the offered times: by order, by its time, or by a plain yes."""
    if state.last_act not in _OFFERING_ACTS or not state.options:
        return
    request = state.request
    chosen = None
    days = {option.date() for option in state.options}
    if parsed.times and request.day is None and len(days) == 1:
        request.day = days.pop()
    if parsed.times:
        same = [option for option in state.options if option.time().replace(second=0) == parsed.times[-1]]
        chosen = same[0] if same and not parsed.dates else None
    elif parsed.choice is not None and not parsed.dates:
        chosen = state.options[parsed.choice if parsed.choice < len(state.options) else -1]
    elif parsed.agreed and not parsed.dates:
        chosen = state.options[0]
    if chosen:
        request.day, request.clock = chosen.date(), chosen.time()
        request.after, request.soonest = None, False


def _other_times(state: State, parsed: ParsedMessage) -> None:
    request = state.request
    if parsed.intents & {"another", "later"} and not parsed.agreed:
        request.after = state.options[-1]
        request.clock = None
        request.soonest = True
        if not parsed.dates:
            request.day = None
    elif "earlier" in parsed.intents and not parsed.agreed:
        request.clock = None
        request.soonest = True
