"""Changes goal and request by what a user message said."""

import re
from datetime import datetime, time
from typing import Final

from services.model.dialogue.choosing import choose_target
from services.model.dialogue.mentions import match_name
from services.model.dialogue.places import known_businesses
from services.model.dialogue.state import ASKED_FOR_YES, BOOK, CANCEL, LIST, MOVE, Heard, Json, State
from services.model.dialogue.vocabulary import find_service, names_only_a_service
from services.model.dialogue.words import word_set

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
    """Apply `state.heard` to the goal and the request."""
    heard = state.heard
    _set_goal(state, heard)
    if state.goal in (CANCEL, MOVE):
        _update_change(state, heard)
        if state.last_act == "ask_which":
            choose_target(state)
    else:
        _update_place(state, heard)
        _update_when(state, heard)


def _set_goal(state: State, heard: Heard) -> None:
    intents = heard.intents
    arranging = state.goal == BOOK and state.last_act in _BOOKING_ACTS
    before = state.goal
    keeps_target = state.last_act in _AFTER or (before is None and _is_about_booked(state, heard))
    if "cancel" in intents and not (arranging and heard.dates):
        state.goal = CANCEL
    elif "move" in intents and not (arranging and "reschedul" not in heard.text.lower()):
        state.goal = MOVE
    elif "list" in intents and not arranging:
        state.goal = LIST
    elif state.goal is None and state.target and _is_about_booked(state, heard):
        state.goal = MOVE
    elif state.goal in (MOVE, CANCEL) and not _turns_to_booking(heard):
        pass
    elif _is_closing(state, heard):
        state.goal = None
    elif _speaks_of_booking(heard) or (state.last_act == "no_appointments" and heard.agreed):
        state.goal = BOOK
    elif state.last_act == "appointments" and heard.agreed:
        state.goal = MOVE
    elif state.goal == LIST:
        state.goal = None
    if state.goal in (MOVE, CANCEL) and before != state.goal:
        state.said_dates = []
        if not keeps_target:
            state.target = None
            state.appointments = None
        state.request.day = state.request.clock = None


def _speaks_of_booking(heard: Heard) -> bool:
    if heard.dates or heard.times or heard.intents & {"book", "find", "slots", "soonest"}:
        return True
    return bool(heard.kind or heard.city or heard.name) and not heard.topics


def _is_about_booked(state: State, heard: Heard) -> bool:
    """Tell whether a new time is meant for the appointment just made."""
    if not (heard.dates or heard.times) or "find" in heard.intents:
        return False
    return "change" in heard.intents or (state.last_act in _AFTER and not (heard.kind or heard.name))


def _turns_to_booking(heard: Heard) -> bool:
    return bool("find" in heard.intents or ("book" in heard.intents and heard.kind))


def _is_closing(state: State, heard: Heard) -> bool:
    """Tell whether the person ends the talk; a yes to a booking is not an end, whatever follows it."""
    if heard.dates or heard.times or heard.intents & {"another", "slots", "soonest", "change"}:
        return False
    if heard.agreed and state.last_act in ASKED_FOR_YES:
        return False
    return "bye" in heard.intents


def _update_change(state: State, heard: Heard) -> None:
    """Moving or cancelling: dates tell which appointment is meant, or where it shall go."""
    request = state.request
    dates = [*heard.left_dates, *heard.dates]
    if state.goal == MOVE:
        if heard.dates and (heard.to_date or len(dates) > 1 or state.target is not None):
            request.day = dates.pop()
        if heard.times:
            request.clock = heard.times[-1]
        request.part = heard.part or request.part
        _choose_option(state, heard)
    state.said_dates = dates or state.said_dates


def _update_place(state: State, heard: Heard) -> None:
    request = state.request
    own = state.own_business is not None
    if heard.kind and heard.kind != _present_kind(state) and not (own and names_only_a_service(heard.text)):
        settled = request.business is not None
        if not settled or heard.intents & {"find", "another"}:
            if settled or request.kind is not None:
                _forget_business(state)
            request.kind = heard.kind
    if heard.city and heard.city != request.city and _is_new_city(state, heard):
        request.city = heard.city
        _forget_business(state)
    if "anywhere" in heard.intents and state.last_act in _PLACE_ACTS:
        request.any_city = True
        request.city = None
    request.service = find_service(heard.text) or request.service
    _take_named(state, heard)
    _answer_offer(state, heard)


def _present_kind(state: State) -> str | None:
    """Return the kind of the business at hand, or the one that is looked for."""
    kind = (state.request.business or {}).get("kind")
    return kind if isinstance(kind, str) else state.request.kind


def _is_new_city(state: State, heard: Heard) -> bool:
    """A city named while a business is settled is a question about it, unless something else is looked for."""
    if state.request.business is None:
        return True
    return bool(heard.intents & {"find", "another", "change"}) and not heard.topics


def _forget_business(state: State) -> None:
    request = state.request
    request.business = request.offered = request.name = None
    request.skipped = 0


def _take_named(state: State, heard: Heard) -> None:
    """A business may be named in full or in part; those that the tools gave are known by name."""
    request = state.request
    known = known_businesses(state)
    index = match_name(heard.text, [str(business.get("name", "")) for business in known])
    if index is not None:
        if heard.topics and not heard.agreed and known[index] == request.offered:
            return  # a question about the place on offer, no choice of it
        request.business, request.offered, request.name = known[index], None, None
        return
    if not heard.name or _is_own(state, heard.name):
        return
    if request.business is not None and heard.topics and not heard.intents & {"change", "find", "another"}:
        return  # a question about somebody
    if request.business is not None:
        provider = match_name(heard.name, [str(name) for name in _providers(request.business)])
        if provider is not None or state.own_business is not None:
            request.provider = _providers(request.business)[provider] if provider is not None else heard.name
            return
    request.business = request.offered = None
    request.name = heard.name


def _providers(business: Json) -> list[str]:
    names = [item.get("name") if isinstance(item, dict) else item for item in business.get("providers") or []]
    return [name for name in names if isinstance(name, str)]


def _is_own(state: State, name: str) -> bool:
    business = state.request.business or state.own_business
    return business is not None and match_name(name, [str(business.get("name", ""))]) is not None


def _answer_offer(state: State, heard: Heard) -> None:
    request = state.request
    wants_other = _wants_other_place(state, heard)
    if request.business is not None:
        if not wants_other or state.own_business is not None:
            return
        request.offered, request.business = request.business, None
    if request.offered is None:
        return
    if wants_other or (state.last_act == "ask_other" and heard.agreed):
        request.offered = None
        request.skipped += 1
    elif state.last_act == "confirm_offer" and heard.refused and not (heard.dates or heard.times):
        pass  # the policy asks what would be better
    elif heard.agreed or heard.dates or heard.times or _goes_on(heard):
        request.business, request.offered = request.offered, None


def _goes_on(heard: Heard) -> bool:
    return bool(heard.intents & {"book", "slots", "soonest"}) and not heard.refused


def _wants_other_place(state: State, heard: Heard) -> bool:
    """Tell "is there someone else" from "is there another time"."""
    if "another" not in heard.intents or (heard.agreed and "find" not in heard.intents):
        return False
    if _TIME_WORDS.search(heard.text):
        return False
    if state.last_act in _OFFERING_ACTS | {"confirm"}:
        return bool(heard.kind or "find" in heard.intents or _PLACE_WORDS.search(heard.text))
    return True


def _update_when(state: State, heard: Heard) -> None:
    request = state.request
    if heard.weeks:
        request.day, request.soonest = None, True
        request.after = _start_of(state, heard)
        return
    if heard.dates:
        request.day, request.after, request.soonest = heard.dates[-1], None, False
    if heard.times:
        request.clock, request.soonest = heard.times[-1], False
    if heard.part:
        request.part = heard.part
        if not heard.times and heard.intents & {"change", "another"} | ({"deny"} & heard.intents):
            request.clock = None
    if "soonest" in heard.intents and not heard.times:
        request.soonest = True
    if state.last_act in ("ask_when", "ask_day") and _leaves_it_open(state, heard):
        request.soonest = True
    if state.last_act == "ask_change":
        _drop_named(state, heard)
    _choose_option(state, heard)
    if state.last_act in _OFFERING_ACTS and not heard.times and state.options:
        _other_times(state, heard)


def _leaves_it_open(state: State, heard: Heard) -> bool:
    """Asked for a time, a person may take the first one, or only say yes: then times are offered."""
    return heard.choice is not None or (heard.agreed and state.repeats > 0 and not heard.dates and not heard.times)


def _drop_named(state: State, heard: Heard) -> None:
    """Asked what to change, a person may only name it: "the time"."""
    request, words = state.request, set(heard.text.lower().replace(".", " ").replace(",", " ").split())
    if words & {"time", "hour"} and not heard.times:
        request.clock = None
    if words & {"day", "date"} and not heard.dates:
        request.day = None
    if words & {"place", "location", "business", "salon"} and not heard.name and state.own_business is None:
        _forget_business(state)


def _start_of(state: State, heard: Heard) -> datetime:
    return datetime.combine(heard.dates[-1], time(0, 0), tzinfo=state.zone)


def _choose_option(state: State, heard: Heard) -> None:
    """Take one of the offered times: by order, by its time, or by a plain yes."""
    if state.last_act not in _OFFERING_ACTS or not state.options:
        return
    request = state.request
    chosen = None
    days = {option.date() for option in state.options}
    if heard.times and request.day is None and len(days) == 1:
        request.day = days.pop()
    if heard.times:
        same = [option for option in state.options if option.time().replace(second=0) == heard.times[-1]]
        chosen = same[0] if same and not heard.dates else None
    elif heard.choice is not None and not heard.dates:
        chosen = state.options[heard.choice if heard.choice < len(state.options) else -1]
    elif heard.agreed and not heard.dates:
        chosen = state.options[0]
    if chosen:
        request.day, request.clock = chosen.date(), chosen.time()
        request.after, request.soonest = None, False


def _other_times(state: State, heard: Heard) -> None:
    request = state.request
    if heard.intents & {"another", "later"} and not heard.agreed:
        request.after = state.options[-1]
        request.clock = None
        request.soonest = True
        if not heard.dates:
            request.day = None
    elif "earlier" in heard.intents and not heard.agreed:
        request.clock = None
        request.soonest = True
