"""The flow of a booking: place, day, time, confirmation, booking."""

from services.model.dialogue.selection import candidates, search_arguments, spoken_moment
from services.model.dialogue.state import BOOKING_QUESTIONS, REFUSALS, Action, Json, State, ToolUse, Utterance
from services.model.dialogue.text import spoken_day, spoken_options, spoken_time, spoken_when
from services.model.dialogue.vocabulary import KIND_NOUNS


def book(state: State) -> Action:
    """Return the next action for the goal book."""
    result = state.result_of("book_appointment")
    if result is None:
        business = state.request.business
        return _find_place(state) if business is None else _find_time(state, business)
    if not result.get("ok"):
        return refusal(state, result)
    when = spoken_moment(state.target, state, "the day you chose")
    return Utterance("booked", {"name": state.business_name, "when": when})


def refusal(state: State, result: Json) -> Utterance:
    """Return why a time is refused, with other times if there are any."""
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


def _find_place(state: State) -> Action:
    """Find a business and propose it."""
    request = state.request
    if request.name:
        return ToolUse("find_business", {"name": request.name})
    if request.offered is not None and state.parsed.refused:
        return Utterance("ask_change" if state.last_act == "confirm_offer" else "ask_other")
    if request.kind is not None and (request.city or request.any_city):
        return _propose_candidate(state, KIND_NOUNS[request.kind])
    if request.unknown:
        return Utterance("name_not_found", {"name": request.unknown})
    return Utterance("ask_city", {"noun": KIND_NOUNS[request.kind]}) if request.kind else Utterance("ask_kind")


def _propose_candidate(state: State, noun: str) -> Action:
    """Search businesses of the kind and propose one after the other."""
    request = state.request
    found = candidates(state)
    if found is None:
        return ToolUse("find_business", search_arguments(state))
    if not found and request.city and request.unknown != request.city:
        return ToolUse("find_business", {"name": request.city})  # the "city" may be the name of a business
    city = request.city or "our cities"
    if request.skipped >= len(found):
        return Utterance("no_more" if found else "not_found", {"noun": noun, "city": city})
    business = found[request.skipped]
    fields = {"name": str(business.get("name")), "city": str(business.get("city") or city)}
    if state.wished_moment:  # the place is the last question
        fields["when"] = spoken_when(state.wished_moment, state.today)
    offer = Utterance("confirm_offer" if "when" in fields else "offer", fields)
    # The tool also returns businesses of other cities; the user must notice that.
    is_elsewhere = request.city is not None and fields["city"].lower() != request.city.lower()
    return offer.after(Utterance("none_there", {"wish": city})) if is_elsewhere else offer


def _find_time(state: State, business: Json) -> Action:
    """Find day and time, ask for confirmation, book."""
    request = state.request
    if state.wished_moment:
        return _confirm(state, business)
    slots = state.result_of("list_slots")
    if slots is not None:
        return _offer_slots(state, slots)
    if request.soonest or request.day or ("slots" in state.parsed.intents and not request.clock):
        return _use_tool(
            "list_slots",
            business,
            date=request.day.isoformat() if request.day else None,
            after=request.after.isoformat() if request.after else None,
            provider=request.provider,
        )
    if request.clock:
        return Utterance("ask_day", {"time": spoken_time(request.clock)})
    return Utterance("ask_when", {"name": state.business_name})


def _confirm(state: State, business: Json) -> Action:
    """Book after a yes to this place and time, otherwise ask for it."""
    request, moment, parsed = state.request, state.wished_moment, state.parsed
    assert moment is not None
    if state.last_act in BOOKING_QUESTIONS and _is_proposed(state):
        if parsed.agreed:
            return _use_tool(
                "book_appointment",
                business,
                starts_at=moment.isoformat(),
                provider=request.provider,
                service=request.service,
            )
        if parsed.refused and not (parsed.has_moment or parsed.name):
            return Utterance("ask_change")
    return Utterance("confirm", {"name": state.business_name, "when": spoken_when(moment, state.today)})


def _is_proposed(state: State) -> bool:
    """Return whether the request is still the proposed one."""
    request = state.request
    if state.last_act in REFUSALS:
        return state.offers(request.day, request.clock)
    return state.proposed == (request.day, request.clock, state.business_name)


def _use_tool(name: str, business: Json, **arguments: str | None) -> ToolUse:
    """Return the call with the arguments that have a value."""
    given = {key: value for key, value in arguments.items() if value}
    return ToolUse(name, {"business_id": str(business.get("id")), **given})


def _offer_slots(state: State, result: Json) -> Action:
    fields = {"name": state.business_name}
    if state.options:
        fields["options"] = spoken_options(state.options, state.today)
        if result.get("slots"):
            return Utterance("slots", fields)
    fields["day"] = spoken_day(state.request.day, state.today) if state.request.day else "the next days"
    return Utterance("next_slots" if state.options else "no_slots", fields)
