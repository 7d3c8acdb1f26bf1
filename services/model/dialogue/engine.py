"""The model: from the messages of a conversation to its next message."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.model.dialogue.history import rebuild
from services.model.dialogue.mentions import find_city
from services.model.dialogue.phrases import render
from services.model.dialogue.policy import decide
from services.model.dialogue.state import Json, State, ToolUse, Utterance

_EMPTY: Final = {"integer": 0, "number": 0, "boolean": False, "array": [], "object": {}, "null": None}


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool; `arguments` is a JSON object as text."""

    id: str
    name: str
    arguments: str

    def document(self) -> Json:
        """Return the call as a member of an OpenAI message."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(frozen=True)
class Answer:
    """The model's next message: text, or tool calls."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


def respond(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    seed: int = 0,
    call_required: bool = False,
    now: datetime | None = None,
) -> Answer:
    """Return the next message of the conversation. Equal arguments give equal answers.

    Args:
        messages: as in the OpenAI API.
        tools: that may be called, as in the OpenAI API.
        seed: chooses among wordings.
        call_required: whether the answer must be a call of one of the tools.
        now: used if the system message has no CONTEXT line.
    """
    state = rebuild(messages, now or datetime.now(UTC))
    digest = fingerprint(messages, seed)
    functions = {str(tool["function"]["name"]): dict(tool["function"]) for tool in tools}
    action = decide(state)
    if isinstance(action, Utterance) or action.name not in functions:
        if call_required:
            action = _call(next(iter(functions.values())), state)
        elif isinstance(action, ToolUse):
            action = Utterance("trouble" if functions else "help")
    if isinstance(action, ToolUse):
        return Answer(calls=(ToolCall(f"call_{digest[:24]}", action.name, json.dumps(action.arguments)),))
    parts = enumerate((*action.remarks, action), start=int(digest[:8], 16))
    return Answer(text=" ".join(render(part.act, number, **part.fields) for number, part in parts))


def fingerprint(messages: Sequence[Mapping[str, Any]], seed: int) -> str:
    """Return a hash of messages and seed, 64 hexadecimal digits."""
    text = json.dumps([seed, [dict(message) for message in messages]], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _call(function: Json, state: State) -> ToolUse:
    """Return a call of the function with the values that the conversation has for its parameters."""
    schema = function.get("parameters") or {}
    required = schema.get("required") or []
    values = _values(state)
    arguments: Json = {}
    for key, described in (schema.get("properties") or {}).items():
        if values.get(key) is not None:
            arguments[key] = values[key]
        elif key in required:
            arguments[key] = _placeholder(described if isinstance(described, dict) else {}, state)
    return ToolUse(str(function["name"]), arguments)


def _values(state: State) -> Json:
    """Return the values of the conversation under usual parameter names."""
    request = state.request
    business = request.business or request.offered or {}
    city = request.city or find_city(state.parsed.text)
    moment = state.wished_moment
    return {
        "kind": request.kind,
        "city": city,
        "location": city,
        "name": request.name or business.get("name"),
        "business_id": business.get("id"),
        "date": request.day.isoformat() if request.day else None,
        "starts_at": moment.isoformat() if moment else None,
        "provider": request.provider,
        "service": request.service,
        "appointment_id": (state.target or {}).get("id"),
        "reason": "asked" if "human" in state.parsed.intents else None,
    }


def _placeholder(described: Json, state: State) -> object:
    """Return a value of the type that the schema describes; for a string, the user's message."""
    if described.get("enum"):
        return described["enum"][0]
    if "default" in described:
        return described["default"]
    return _EMPTY.get(str(described.get("type")), state.parsed.text)
