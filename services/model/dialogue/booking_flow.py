"""The way to a booking: place, day, time, a yes, the booking."""

from datetime import datetime

from services.model.dialogue.selection import candidates, moment_of, search
from services.model.dialogue.state import ASKED_FOR_YES, REFUSALS, Action, Json, State, ToolUse, Utterance
from services.model.dialogue.text import spoken_day, spoken_options, spoken_time, spoken_when
from services.model.dialogue.vocabulary import KIND_NOUNS


def arrange(state: State) -> Action:
    """Return the next step towards a booking."""
    done = state.result_of("book_appointment")
    if done is not None:
        return _report(state, done)
    return _place(state) if state.request.business is None else _when(state, state.request.business)


def refused(state: State, result: Json) -> Utterance:
    """Utterance that a time cannot be had, with others if there are any."""
    error = result.get("error")
    if state.options:
        options = spoken_options(state.options, state.today)
        act = "closed" if error == "closed" else "taken"
        return Utterance(act, {"name": state.business_name, "options": options})
    if error == "past":
        return Utterance("past")
    if error in ("taken", "closed"):
        return Utterance("unavailable", {"name": state.business_name})
    return Utterance("trouble")


def _report(state: State, result: Json) -> Action:
    if not result.get("ok"):
        return refused(state, result)
    moment = moment_of(state.target or {}, state)
    when = spoken_when(moment, state.today) if moment else "the day you chose"
    return Utterance("booked", {"name": state.business_name, "when": when})


def _place(state: State) -> Action:
    """Find a business and propose it."""
    request = state.request
    if request.name:
        return ToolUse("find_business", {"name": request.name})
    if request.offered is not None and state.parsed.refused:
        return Utterance("ask_change" if state.last_act == "confirm_offer" else "ask_other")
    if request.kind is not None and (request.city or request.any_city):
        return _candidate(state, KIND_NOUNS[request.kind])
    if request.unknown:
        return Utterance("name_not_found", {"name": request.unknown})
    return Utterance("ask_city", {"noun": KIND_NOUNS[request.kind]}) if request.kind else Utterance("ask_kind")


def _candidate(state: State, noun: str) -> Action:
    """Look businesses of a kind up and propose one after the other."""
    request = state.request
    found = candidates(state)
    if found is None:
        return ToolUse("find_business", search(state))
    if not found and request.city and request.unknown != request.city:
        return ToolUse("find_business", {"name": request.city})  # what was taken for a city may be a business
    city = request.city or "our cities"
    if request.skipped >= len(found):
        return Utterance("no_more" if found else "not_found", {"noun": noun, "city": city})
    business = found[request.skipped]
    fields = {"name": str(business.get("name")), "city": str(business.get("city") or city)}
    if request.day and request.clock:  # nothing else is left to ask
        fields["when"] = spoken_when(datetime.combine(request.day, request.clock), state.today)
    offer = Utterance("confirm_offer" if "when" in fields else "offer", fields)
    # The tool looks around where a city has none; people must not take that for what they asked for.
    elsewhere = request.city is not None and fields["city"].lower() != request.city.lower()
    return offer.after(Utterance("none_there", {"wish": city})) if elsewhere else offer


def _when(state: State, business: Json) -> Action:
    """Settle day and time, ask for a yes, book."""
    request = state.request
    if request.day and request.clock:
        return _confirm(state, business, datetime.combine(request.day, request.clock, tzinfo=state.zone))
    slots = state.result_of("list_slots")
    if slots is not None:
        return _offer_slots(state, slots)
    if request.soonest or request.day or ("slots" in state.parsed.intents and not request.clock):
        return ToolUse("list_slots", _slot_query(state, business))
    if request.clock:
        return Utterance("ask_day", {"time": spoken_time(request.clock)})
    return Utterance("ask_when", {"name": state.business_name})


def _confirm(state: State, business: Json, moment: datetime) -> Action:
    """Book after a yes to just this place and time; ask for it otherwise."""
    if state.last_act in ASKED_FOR_YES and _is_as_proposed(state):
        if state.parsed.agreed:
            return ToolUse("book_appointment", _booking(state, business, moment.isoformat()))
        if state.parsed.refused and not (state.parsed.dates or state.parsed.times or state.parsed.name):
            return Utterance("ask_change")
    return Utterance("confirm", {"name": state.business_name, "when": spoken_when(moment, state.today)})


def _is_as_proposed(state: State) -> bool:
    """Return whether the request is still the one that the user was asked to confirm."""
    request = state.request
    if state.last_act in REFUSALS:
        return any((option.date(), option.time()) == (request.day, request.clock) for option in state.options)
    return state.proposed == (request.day, request.clock, state.business_name)


def _booking(state: State, business: Json, starts_at: str) -> Json:
    extras = {"provider": state.request.provider, "service": state.request.service}
    given = {name: value for name, value in extras.items() if value}
    return {"business_id": str(business.get("id")), "starts_at": starts_at, **given}


def _slot_query(state: State, business: Json) -> Json:
    request = state.request
    query: Json = {"business_id": str(business.get("id"))}
    if request.day:
        query["date"] = request.day.isoformat()
    if request.after:
        query["after"] = request.after.isoformat()
    if request.provider:
        query["provider"] = request.provider
    return query


def _offer_slots(state: State, result: Json) -> Action:
    fields = {"name": state.business_name}
    if state.options:
        fields["options"] = spoken_options(state.options, state.today)
        if result.get("slots"):
            return Utterance("slots", fields)
    fields["day"] = spoken_day(state.request.day, state.today) if state.request.day else "the next days"
    return Utterance("next_slots" if state.options else "no_slots", fields)
