"""Arguments for a tool that the client insists on, whether or not the dialogue would use it now."""

from collections.abc import Mapping
from typing import Any

from services.model.dialogue.mentions import find_city
from services.model.dialogue.moments import at
from services.model.dialogue.moves import Move, Use
from services.model.dialogue.state import Json, State

_EMPTY: dict[str, Any] = {"integer": 0, "number": 0, "boolean": False, "array": [], "object": {}, "null": None}


def forced(move: Move, function: Mapping[str, Any], state: State) -> Use:
    """Return a call of the function: the one that was decided on, or one with what is known."""
    name = str(function["name"])
    if isinstance(move, Use) and move.tool == name:
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
    return Use(name, arguments)


def _known(state: State) -> Json:
    """What the conversation gave, under the names that tools like ours have for it."""
    request = state.request
    business = request.business or request.offered or {}
    moment = at(request.day, request.clock, state.zone) if request.day and request.clock else None
    city = request.city or find_city(state.heard.text)
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
        "reason": "asked" if "human" in state.heard.intents else None,
    }


def _placeholder(described: Json, state: State) -> object:
    """A value of the right type; for a text, what the person said."""
    if described.get("enum"):
        return described["enum"][0]
    if "default" in described:
        return described["default"]
    return _EMPTY.get(str(described.get("type")), state.heard.text)
