"""Applies a parsed user message to the goal and the request of the conversation."""

import re
from datetime import datetime, time
from typing import Final

from services.model.dialogue.mentions import match_name
from services.model.dialogue.selection import choose_target, known_businesses, names_of
from services.model.dialogue.state import BOOKING_QUESTIONS, TIME_OFFERS, Goal, Json, ParsedMessage, State
from services.model.dialogue.text import word_set
from services.model.dialogue.vocabulary import find_service, names_only_a_service

_BOOKING_ACTS: Final = (
    TIME_OFFERS
    | BOOKING_QUESTIONS
    | word_set(
        "offer ask_other no_more not_found name_not_found ask_when ask_day ask_time no_slots unavailable past "
        "ask_change ask_kind ask_city"
    )
)
_TIME_WORDS: Final = re.compile(r"\b(?:times?|days?|dates?|slots?|hours?|openings?|later|earlier)\b", re.IGNORECASE)
_PLACE_WORDS: Final = re.compile(
    r"\b(?:someone|somebody|somewhere|someplace|elsewhere|places?|office)\b", re.IGNORECASE
)
_PLACE_ACTS: Final = word_set("ask_city no_more not_found name_not_found")
# After these a date or a time refers to the appointment that was made last.
_COMPLETED_ACTS: Final = word_set("booked moved")


def update(state: State) -> None:
    """Apply `state.parsed` to the goal and the request."""
    parsed = state.parsed
    _set_goal(state, parsed)
    if state.goal not in ("cancel", "move"):
        _update_place(state, parsed)
        _update_time(state, parsed)
        return
    _update_change(state, parsed)
    if state.last_act == "ask_which":
        choose_target(state)


def _set_goal(state: State, parsed: ParsedMessage) -> None:
    before = state.goal
    changes_booked = _changes_booked(state, parsed)
    state.goal = _next_goal(state, parsed, changes_booked=changes_booked)
    if state.goal in ("move", "cancel") and before != state.goal:
        state.target_dates = []
        if state.last_act not in _COMPLETED_ACTS and not (before is None and changes_booked):
            state.target = state.appointments = None
        state.request.day = state.request.clock = None


def _next_goal(state: State, parsed: ParsedMessage, *, changes_booked: bool) -> Goal | None:  # noqa: PLR0911
    goal, intents = state.goal, parsed.intents
    is_booking = goal == "book" and state.last_act in _BOOKING_ACTS
    if "cancel" in intents and not (is_booking and parsed.dates):
        return "cancel"
    if "move" in intents and not (is_booking and "reschedul" not in parsed.text.lower()):
        return "move"
    if "list" in intents and not is_booking:
        return "list"
    if goal is None and state.target and changes_booked:
        return "move"
    if goal in ("move", "cancel") and "find" not in intents and not ("book" in intents and parsed.kind):
        return goal
    if _ends_conversation(state, parsed):
        return None
    if _concerns_booking(parsed) or (state.last_act == "no_appointments" and parsed.agreed):
        return "book"
    if state.last_act == "appointments" and parsed.agreed:
        return "move"
    return None if goal == "list" else goal


def _concerns_booking(parsed: ParsedMessage) -> bool:
    if parsed.has_moment or parsed.intents & {"book", "find", "slots", "soonest"}:
        return True
    return bool(parsed.kind or parsed.city or parsed.name) and not parsed.topics


def _changes_booked(state: State, parsed: ParsedMessage) -> bool:
    """Return whether a date or time is a new one for the appointment that was made last."""
    if not parsed.has_moment or "find" in parsed.intents:
        return False
    return "change" in parsed.intents or (state.last_act in _COMPLETED_ACTS and not (parsed.kind or parsed.name))


def _ends_conversation(state: State, parsed: ParsedMessage) -> bool:
    """Return whether the user ends the conversation; a yes to a booking does not."""
    if parsed.has_moment or parsed.intents & {"another", "slots", "soonest", "change"}:
        return False
    return "bye" in parsed.intents and not (parsed.agreed and state.last_act in BOOKING_QUESTIONS)


def _update_change(state: State, parsed: ParsedMessage) -> None:
    """Apply dates to the goals move and cancel: they identify the appointment, or are its new date."""
    request = state.request
    dates = [*parsed.negated_dates, *parsed.dates]
    if state.goal == "move":
        if parsed.dates and (parsed.to_date or len(dates) > 1 or state.target is not None):
            request.day = dates.pop()
        if parsed.times:
            request.clock = parsed.times[-1]
        request.part = parsed.part or request.part
        _choose_option(state, parsed)
    state.target_dates = dates or state.target_dates


def _update_place(state: State, parsed: ParsedMessage) -> None:
    request = state.request
    is_service = state.own_business is not None and names_only_a_service(parsed.text)
    if parsed.kind and parsed.kind != _current_kind(state) and not is_service:
        is_settled = request.business is not None
        if not is_settled or parsed.intents & {"find", "another"}:
            if is_settled or request.kind is not None:
                _drop_business(state)
            request.kind = parsed.kind
    if parsed.city and parsed.city != request.city and _is_new_city(state, parsed):
        request.city = parsed.city
        _drop_business(state)
    if "anywhere" in parsed.intents and state.last_act in _PLACE_ACTS:
        request.any_city = True
        request.city = None
    request.service = find_service(parsed.text) or request.service
    _apply_name(state, parsed)
    _apply_answer_to_offer(state, parsed)


def _current_kind(state: State) -> str | None:
    """Return the kind of the accepted business, else the requested one."""
    kind = (state.request.business or {}).get("kind")
    return kind if isinstance(kind, str) else state.request.kind


def _is_new_city(state: State, parsed: ParsedMessage) -> bool:
    """Return whether a city is a request: after a business is accepted, most are questions about it."""
    if state.request.business is None:
        return True
    return bool(parsed.intents & {"find", "another", "change"}) and not parsed.topics


def _drop_business(state: State) -> None:
    request = state.request
    request.business = request.offered = request.name = None
    request.skipped = 0


def _apply_name(state: State, parsed: ParsedMessage) -> None:
    """Apply the name of a business or a provider; businesses of earlier searches match also in part."""
    request = state.request
    known = known_businesses(state)
    index = match_name(parsed.text, names_of(known))
    if index is not None:
        if parsed.topics and not parsed.agreed and known[index] == request.offered:
            return  # a question about the offered business
        request.business, request.offered, request.name = known[index], None, None
        return
    if not parsed.name or _is_current(state, parsed.name):
        return
    if request.business is not None:
        if parsed.topics and not parsed.intents & {"change", "find", "another"}:
            return  # a question about a provider
        providers = _providers(request.business)
        index = match_name(parsed.name, providers)
        if index is not None or state.own_business is not None:
            request.provider = parsed.name if index is None else providers[index]
            return
    request.business = request.offered = None
    request.name = parsed.name


def _providers(business: Json) -> list[str]:
    names = [item.get("name") if isinstance(item, dict) else item for item in business.get("providers") or []]
    return [name for name in names if isinstance(name, str)]


def _is_current(state: State, name: str) -> bool:
    business = state.request.business or state.own_business
    return business is not None and match_name(name, names_of([business])) is not None


def _apply_answer_to_offer(state: State, parsed: ParsedMessage) -> None:
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
        return
    if state.last_act == "confirm_offer" and parsed.refused and not parsed.has_moment:
        return  # the policy asks for the change
    continues = parsed.intents & {"book", "slots", "soonest"} and not parsed.refused
    if parsed.agreed or parsed.has_moment or continues:
        request.business, request.offered = request.offered, None


def _wants_other_place(state: State, parsed: ParsedMessage) -> bool:
    """Return whether "another" refers to a place ("is there someone else") and not to a time."""
    if "another" not in parsed.intents or (parsed.agreed and "find" not in parsed.intents):
        return False
    if _TIME_WORDS.search(parsed.text):
        return False
    if state.last_act in TIME_OFFERS | {"confirm"}:
        return bool(parsed.kind or "find" in parsed.intents or _PLACE_WORDS.search(parsed.text))
    return True


def _update_time(state: State, parsed: ParsedMessage) -> None:
    request = state.request
    if parsed.is_period:
        request.day, request.soonest = None, True
        request.after = datetime.combine(parsed.dates[-1], time(0, 0), tzinfo=state.zone)
        return
    if parsed.dates:
        request.day, request.after, request.soonest = parsed.dates[-1], None, False
    if parsed.times:
        request.clock, request.soonest = parsed.times[-1], False
    if parsed.part:
        request.part = parsed.part
        if not parsed.times and parsed.intents & {"change", "another", "deny"}:
            request.clock = None
    if "soonest" in parsed.intents and not parsed.times:
        request.soonest = True
    if state.last_act in ("ask_when", "ask_day") and _accepts_any_time(state, parsed):
        request.soonest = True
    if state.last_act == "ask_change":
        _drop_named_part(state, parsed)
    _choose_option(state, parsed)
    if state.last_act in TIME_OFFERS and not parsed.times and state.options and not parsed.agreed:
        _request_other_times(state, parsed)


def _accepts_any_time(state: State, parsed: ParsedMessage) -> bool:
    """Return whether the answer to "when" is "the first one" or a repeated yes: then the next times are offered."""
    return parsed.choice is not None or (parsed.agreed and state.repeats > 0 and not parsed.has_moment)


def _drop_named_part(state: State, parsed: ParsedMessage) -> None:
    """Drop the part of the request that the user wants to change: "the time"."""
    request, words = state.request, set(parsed.text.lower().replace(".", " ").replace(",", " ").split())
    if words & {"time", "hour"} and not parsed.times:
        request.clock = None
    if words & {"day", "date"} and not parsed.dates:
        request.day = None
    if words & {"place", "location", "business", "salon"} and not parsed.name and state.own_business is None:
        _drop_business(state)


def _choose_option(state: State, parsed: ParsedMessage) -> None:
    """Choose one of the offered times: by its time, by order, or by a plain yes."""
    if state.last_act not in TIME_OFFERS or not state.options:
        return
    request = state.request
    chosen = None
    days = {option.date() for option in state.options}
    if parsed.times and request.day is None and len(days) == 1:
        request.day = days.pop()
    if parsed.dates:
        return
    if parsed.times:
        wanted = parsed.times[-1]
        chosen = next((option for option in state.options if option.time().replace(second=0) == wanted), None)
    elif parsed.choice is not None:
        chosen = state.options[parsed.choice if parsed.choice < len(state.options) else -1]
    elif parsed.agreed:
        chosen = state.options[0]
    if chosen:
        request.day, request.clock = chosen.date(), chosen.time()
        request.after, request.soonest = None, False


def _request_other_times(state: State, parsed: ParsedMessage) -> None:
    request = state.request
    if parsed.intents & {"another", "later"}:
        request.after = state.options[-1]
        request.day = request.day if parsed.dates else None
    elif "earlier" not in parsed.intents:
        return
    request.clock, request.soonest = None, True
