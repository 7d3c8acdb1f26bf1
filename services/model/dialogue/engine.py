"""The model: from the messages of a conversation to its next message."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from services.model.dialogue.history import rebuild
from services.model.dialogue.mentions import find_city
from services.model.dialogue.phrases import say
from services.model.dialogue.policy import decide
from services.model.dialogue.state import Action, Json, State, ToolUse, Utterance
from services.model.dialogue.text import at


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model asks for; `arguments` is a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """The model's next message: text, or tool calls."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class Choice:
    """How freely the model chooses between words and tools; `name` is the tool of "named"."""

    how: Literal["auto", "none", "required", "named"] = "auto"
    name: str = ""


AUTO = Choice()


def respond(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    seed: int = 0,
    choice: Choice = AUTO,
    now: datetime | None = None,
) -> Answer:
    """Return the next message of the conversation. The same messages, tools and seed give the same answer.

    messages, tools: as in the OpenAI API.
    now: taken when the system message has no CONTEXT line.
    """
    state = rebuild(messages, now or datetime.now(UTC))
    digest = fingerprint(messages, seed)
    functions = {str(tool["function"]["name"]): dict(tool["function"]) for tool in tools}
    move = decide(state)
    if choice.how == "named":
        move = forced(move, functions[choice.name], state)
    elif choice.how == "required" and not (isinstance(move, ToolUse) and move.tool in functions):
        move = forced(move, next(iter(functions.values())), state)
    elif isinstance(move, ToolUse):
        move = _allowed(move, {} if choice.how == "none" else functions)
    if isinstance(move, ToolUse):
        return Answer(calls=(ToolCall(f"call_{digest[:24]}", move.tool, json.dumps(move.arguments)),))
    return Answer(text=_words(move, int(digest[:8], 16)))


def fingerprint(messages: Sequence[Mapping[str, Any]], seed: int) -> str:
    """Return 64 hexadecimal digits that follow from messages and seed."""
    text = json.dumps([seed, [dict(message) for message in messages]], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _allowed(move: ToolUse, functions: Mapping[str, object]) -> Action:
    """Utterance something in the place of a tool that was not given."""
    if move.tool in functions:
        return move
    return Utterance("trouble") if functions else Utterance("help")


def _words(move: Utterance, number: int) -> str:
    parts = [say(part.act, number + index, **part.fields) for index, part in enumerate((*move.remarks, move))]
    return " ".join(parts)


_EMPTY: dict[str, Any] = {"integer": 0, "number": 0, "boolean": False, "array": [], "object": {}, "null": None}


def forced(move: Action, function: Mapping[str, Any], state: State) -> ToolUse:
    """Return a call of the function: the one that was decided on, or one with what is known."""
    name = str(function["name"])
    if isinstance(move, ToolUse) and move.tool == name:
        return move
    schema = function.get("parameters") or {}
    properties: Mapping[str, Any] = schema.get("properties") or {}
    required = schema.get("required") or []
    known = _known(state)
    arguments: Json = {}
    for key, described in properties.items():
        if known.get(key) is not None:
            arguments[key] = known[key]
        elif key in required:
            arguments[key] = _placeholder(described if isinstance(described, dict) else {}, state)
    return ToolUse(name, arguments)


def _known(state: State) -> Json:
    """What the conversation gave, under the names that tools like ours have for it."""
    request = state.request
    business = request.business or request.offered or {}
    moment = at(request.day, request.clock, state.zone) if request.day and request.clock else None
    city = request.city or find_city(state.parsed.text)
    return {
        "kind": request.kind,
        "city": city,
        "location": city,
        "name": request.name or business.get("name"),
        "business_id": business.get("id"),
        "date": request.day.isoformat() if request.day else None,
        "starts_at": moment,
        "provider": request.provider,
        "service": request.service,
        "appointment_id": (state.target or {}).get("id"),
        "reason": "asked" if "human" in state.parsed.intents else None,
    }


def _placeholder(described: Json, state: State) -> object:
    """A value of the right type; for a text, what the person said."""
    if described.get("enum"):
        return described["enum"][0]
    if "default" in described:
        return described["default"]
    return _EMPTY.get(str(described.get("type")), state.parsed.text)
