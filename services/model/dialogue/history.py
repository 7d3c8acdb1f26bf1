"""Rebuilds the state of a conversation from its messages, so that the server keeps none."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.model.dialogue.mentions import match_name
from services.model.dialogue.nlu import listen
from services.model.dialogue.phrases import recognise
from services.model.dialogue.selection import choose_target, known_businesses, take_found
from services.model.dialogue.state import ENDINGS, Call, Json, Request, State
from services.model.dialogue.state_tracker import update
from services.model.dialogue.text import pick, read_moment, read_zone

_INSTRUCTIONS: Final = ("system", "developer")
# Older messages are forgotten, as a model forgets what its window does not hold.
_LONGEST: Final = 200
_DONE_BY: Final = {"book_appointment": "booked", "move_appointment": "moved", "cancel_appointment": "cancelled"}
_MARK: Final = "CONTEXT "


def rebuild(messages: Sequence[Mapping[str, Any]], now: datetime) -> State:
    """Return the state after the messages (OpenAI chat format).

    now: used when the system message gives no CONTEXT line.
    """
    state = State(now=now)
    if len(messages) > _LONGEST:
        instructions = [message for message in messages if message.get("role") in _INSTRUCTIONS]
        messages = [*instructions[:1], *messages[-_LONGEST:]]
    open_calls: dict[str, Call] = {}
    for message in messages:
        role = message.get("role")
        if role in _INSTRUCTIONS:
            _read_context(text_of(message), state)
        elif role == "user":
            _parse_message(text_of(message), state)
        elif role == "assistant":
            for call in message.get("tool_calls") or []:
                function = call.get("function") or {}
                open_calls[str(call.get("id"))] = Call(str(function.get("name")), _object(function.get("arguments")))
            text = text_of(message)
            if text:
                _note(text, state)
        elif role == "tool":
            asked = open_calls.pop(str(message.get("tool_call_id")), None)
            if asked:
                _see(Call(asked.name, asked.arguments, _object(text_of(message))), state)
    return state


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message whose content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def _object(text: object) -> Json:
    """Return the JSON object of the text; what is none becomes an error that the policy can speak of."""
    if isinstance(text, str):
        try:
            value = json.loads(text)
        except ValueError:
            return {"error": "unreadable"}
        if isinstance(value, dict):
            return value
    return {"error": "unreadable"}


def _read_context(text: str, state: State) -> None:
    for line in text.splitlines():
        if not line.startswith(_MARK):
            continue
        context = _object(line.removeprefix(_MARK))
        business = context.get("business")
        if isinstance(business, dict) and business.get("id"):
            state.own_business = state.request.business = business
        moment = read_moment(context.get("now"))
        if moment:
            zone = read_zone((state.own_business or {}).get("time_zone"), moment.tzinfo or state.now.tzinfo)  # type: ignore[arg-type]
            state.now = moment.astimezone(zone)


def _parse_message(text: str, state: State) -> None:
    _conclude(state)
    state.calls = []
    state.parsed = listen(text, state)
    update(state)
    state.misses = 0 if state.parsed.understood else state.misses + 1


def _conclude(state: State) -> None:
    """Count what a tool did as done, with any reply to the user (a fallback reply has other words)."""
    for call in state.calls:
        done = _DONE_BY.get(call.name)
        if done and (call.result or {}).get("ok") and state.last_act not in ENDINGS:
            state.last_act, state.goal = done, None


def _note(text: str, state: State) -> None:
    """Parse a reply of the assistant; an unknown one (a fallback reply) keeps the last question."""
    act = recognise(text)
    if act is None:
        return
    state.repeats = state.repeats + 1 if act == state.last_act else 0
    state.last_act = act
    request = state.request
    if act in ENDINGS or act == "handed_over":
        state.goal = None
    elif act in ("offer", "confirm_offer"):
        known = known_businesses(state)
        index = match_name(text, [str(business.get("name", "")) for business in known])
        request.offered = known[index] if index is not None else None
    if act in ("confirm", "confirm_offer"):
        state.proposed = (request.day, request.clock, state.business_name)
    elif act in ("not_found", "no_more"):
        request.city, request.skipped, request.unknown = None, 0, None
    elif act == "name_not_found":
        request.unknown = None
    elif act == "handed_over":
        state.misses = 0


def _see(call: Call, state: State) -> None:
    """Take in what a tool gave."""
    state.calls.append(call)
    result = call.result or {}
    match call.name:
        case "find_business":
            take_found(state, call.arguments, _list(result.get("businesses")))
        case "list_slots":
            request = state.request
            slots = _moments(result.get("slots"), state)
            state.options = pick(slots, request.part, first=request.soonest) or _moments(result.get("next"), state)[:2]
        case "book_appointment" | "move_appointment":
            _see_booking(call, result, state)
        case "list_my_appointments":
            state.appointments = _list(result.get("appointments"))
            choose_target(state)
        case "cancel_appointment" if not result.get("error"):
            state.target = state.appointments = None
        case _:
            pass


def _see_booking(call: Call, result: Json, state: State) -> None:
    appointment = result.get("appointment")
    if result.get("ok") and isinstance(appointment, dict):
        business = state.request.business
        state.target = {"business_name": (business or {}).get("name"), **appointment}
        state.appointments = None
        kept = state.request.kind, state.request.city
        state.request = Request(kind=kept[0], city=kept[1], business=business)
        state.options = []
        return
    moments = _moments(result.get("alternatives"), state)
    wanted = read_moment(call.arguments.get("starts_at"), state.zone)
    if wanted:
        moments.sort(key=lambda moment: abs(moment - wanted))
    state.options = moments[:2]


def _moments(value: object, state: State) -> list[datetime]:
    return [moment for text in _list_any(value) if (moment := read_moment(text, state.zone))]


def _list(value: object) -> list[Json]:
    return [item for item in _list_any(value) if isinstance(item, dict)]


def _list_any(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
