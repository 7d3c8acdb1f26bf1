"""Rebuilds the state of a conversation from its messages, so that the server is stateless."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.model.dialogue.mentions import match_name
from services.model.dialogue.nlu import parse
from services.model.dialogue.phrases import recognise
from services.model.dialogue.selection import choose_target, known_businesses, names_of, store_businesses
from services.model.dialogue.state import ENDINGS, Json, Request, State, ToolUse
from services.model.dialogue.state_tracker import update
from services.model.dialogue.text import choose_options, read_moment, read_zone

_INSTRUCTIONS: Final = ("system", "developer")
# Older messages are dropped, as a model drops what exceeds its context window.
_MAX_MESSAGES: Final = 200
_ACTS: Final = {"book_appointment": "booked", "move_appointment": "moved", "cancel_appointment": "cancelled"}
_CONTEXT: Final = "CONTEXT "


def rebuild(messages: Sequence[Mapping[str, Any]], now: datetime) -> State:
    """Return the state after the messages of the OpenAI API; `now` is used if they have no CONTEXT line."""
    state = State(now)
    if len(messages) > _MAX_MESSAGES:
        instructions = [message for message in messages if message.get("role") in _INSTRUCTIONS]
        messages = [*instructions[:1], *messages[-_MAX_MESSAGES:]]
    open_calls: dict[str, Json] = {}
    for message in messages:
        role, text = message.get("role"), _text_of(message)
        if role in _INSTRUCTIONS:
            _read_context(text, state)
        elif role == "user":
            _apply_message(text, state)
        elif role == "assistant":
            open_calls |= {str(call.get("id")): call.get("function") or {} for call in message.get("tool_calls") or []}
            _apply_reply(text, state)
        elif role == "tool" and (function := open_calls.pop(str(message.get("tool_call_id")), None)) is not None:
            call = ToolUse(str(function.get("name")), _parse_object(function.get("arguments")), _parse_object(text))
            _apply_result(call, state)
    return state


def _text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message whose content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = [part.get("text") for part in _dicts(content)]
    return "\n".join(part for part in parts if isinstance(part, str))


def _parse_object(text: object) -> Json:
    """Return the JSON object of the text, or an object with an error, which the policy handles."""
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"error": "unreadable"}


def _read_context(text: str, state: State) -> None:
    for line in text.splitlines():
        if not line.startswith(_CONTEXT):
            continue
        context = _parse_object(line.removeprefix(_CONTEXT))
        business = context.get("business")
        if isinstance(business, dict) and business.get("id"):
            state.own_business = state.request.business = business
        moment = read_moment(context.get("now"))
        if moment and moment.tzinfo:
            state.now = moment.astimezone(read_zone((state.own_business or {}).get("time_zone"), moment.tzinfo))


def _apply_message(text: str, state: State) -> None:
    for call in state.calls:  # the reply to the last message may be a fallback reply, whose act is unknown
        if call.name in _ACTS and call.result.get("ok") and state.last_act not in ENDINGS:
            state.last_act, state.goal = _ACTS[call.name], None
    state.calls = []
    state.parsed = parse(text, state.today, state.last_act)
    update(state)
    state.misses = 0 if state.parsed.understood else state.misses + 1


def _apply_reply(text: str, state: State) -> None:
    """Apply a reply of the assistant; after an unknown one (a fallback reply) the last question remains."""
    act = recognise(text) if text else None
    if act is None:
        return
    state.repeats = state.repeats + 1 if act == state.last_act else 0
    state.last_act = act
    request = state.request
    if act in ENDINGS or act == "handed_over":
        state.goal = None
    if act in ("offer", "confirm_offer"):
        known = known_businesses(state)
        index = match_name(text, names_of(known))
        request.offered = known[index] if index is not None else None
    if act in ("confirm", "confirm_offer"):
        state.proposed = (request.day, request.clock, state.business_name)
    elif act in ("not_found", "no_more"):
        request.city, request.skipped, request.unknown = None, 0, None
    elif act == "name_not_found":
        request.unknown = None
    elif act == "handed_over":
        state.misses = 0


def _apply_result(call: ToolUse, state: State) -> None:
    state.calls.append(call)
    match call.name:
        case "find_business":
            store_businesses(state, call.arguments, _dicts(call.result.get("businesses")))
        case "list_slots":
            request = state.request
            slots = _moments(call.result.get("slots"), state)
            options = choose_options(slots, request.part, soonest=request.soonest)
            state.options = options or _moments(call.result.get("next"), state)[:2]
        case "book_appointment" | "move_appointment":
            _apply_booking(call, state)
        case "list_my_appointments":
            state.appointments = _dicts(call.result.get("appointments"))
            choose_target(state)
        case "cancel_appointment" if not call.result.get("error"):
            state.target = state.appointments = None


def _apply_booking(call: ToolUse, state: State) -> None:
    appointment = call.result.get("appointment")
    if call.result.get("ok") and isinstance(appointment, dict):
        request = state.request
        state.target = {"business_name": (request.business or {}).get("name"), **appointment}
        state.appointments = None
        state.request = Request(kind=request.kind, city=request.city, business=request.business)
        state.options = []
        return
    moments = _moments(call.result.get("alternatives"), state)
    wanted = read_moment(call.arguments.get("starts_at"), state.zone)
    if wanted:
        moments.sort(key=lambda moment: abs(moment - wanted))
    state.options = moments[:2]


def _moments(value: object, state: State) -> list[datetime]:
    texts = value if isinstance(value, list) else []
    return [moment for text in texts if (moment := read_moment(text, state.zone))]


def _dicts(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
