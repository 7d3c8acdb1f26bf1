"""The businesses that the tools gave in a conversation."""

import json

from services.model.dialogue.mentions import match_name
from services.model.dialogue.state import Json, State


def find_key(arguments: Json) -> str:
    """Return the key under which a find with these arguments is kept."""
    return json.dumps(arguments, sort_keys=True)


def search(state: State) -> Json:
    """Return the arguments of find_business for the wished kind and city."""
    request = state.request
    return {"kind": request.kind, **({"city": request.city} if request.city else {})}


def candidates(state: State) -> list[Json] | None:
    """Return the businesses of the wished kind and city, or None when they were not looked up yet."""
    return state.finds.get(find_key(search(state)))


def known_businesses(state: State) -> list[Json]:
    """Return all businesses that the tools gave in this conversation, the newest find first."""
    found: list[Json] = []
    for businesses in reversed(state.finds.values()):
        found += [business for business in businesses if business not in found]
    return found


def take_found(state: State, arguments: Json, found: list[Json]) -> None:
    """Keep what find_business gave, and settle on a business that was asked for by name."""
    key = find_key(arguments)
    state.finds.pop(key, None)  # so that the newest find is the last
    state.finds[key] = found
    name = arguments.get("name")
    if not isinstance(name, str):
        return
    request = state.request
    request.name = None
    business = _best(name, found, request.city)
    if business is None:
        request.unknown = name
        return
    request.business, request.offered, request.unknown = business, None, None
    if request.city == name:
        request.city = None


def _best(name: str, found: list[Json], city: str | None) -> Json | None:
    """Return the business that is meant: in the wished city if any is, else the likeliest name, else the first."""
    nearby = [business for business in found if city and str(business.get("city", "")).lower() == city.lower()]
    choices = nearby or found
    index = match_name(name, [str(business.get("name", "")) for business in choices])
    if index is not None:
        return choices[index]
    return choices[0] if choices else None
