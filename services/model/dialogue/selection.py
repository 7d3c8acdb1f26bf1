"""Businesses and appointments of the conversation, and which one is meant."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from services.model.dialogue.mentions import match_name
from services.model.dialogue.state import MOVE, Json, State
from services.model.dialogue.text import read_moment, read_zone, spoken_when
from services.model.dialogue.vocabulary import find_kind


def zone_of(appointment: Json, state: State) -> tzinfo:
    """Return the zone in which an appointment's time is to be read: its own, else its offset, else the business's."""
    moment = read_moment(appointment.get("starts_at"))
    given = state.zone
    if moment is not None and moment.utcoffset() != timedelta(0):
        given = moment.tzinfo or UTC
    return read_zone(appointment.get("time_zone"), given)


def moment_of(appointment: Json, state: State) -> datetime | None:
    """Return when an appointment starts, or None when it does not say."""
    return read_moment(appointment.get("starts_at"), zone_of(appointment, state))


def spoken_appointment(appointment: Json, state: State) -> str:
    """Return "at Blue Door on Friday, March 8 at 9:30 AM"."""
    moment = moment_of(appointment, state)
    when = f"on {spoken_when(moment, state.today)}" if moment else "at an unknown time"
    place = place_of(appointment)
    return f"at {place} {when}" if place else when


def place_of(appointment: Json) -> str:
    """Return the name of the appointment's business, or nothing."""
    business = appointment.get("business")
    if isinstance(business, dict):
        business = business.get("name")
    return str(appointment.get("business_name") or business or "")


def choose_target(state: State) -> None:
    """Set the appointment that is meant, when only one can be."""
    appointments = state.appointments or []
    state.target = appointments[0] if len(appointments) == 1 else _narrow(state, appointments)
    if state.goal == MOVE and state.target and state.said_dates and state.request.day is None:
        moment = moment_of(state.target, state)
        if moment is None or moment.date() not in state.said_dates:
            state.request.day = state.said_dates[-1]


def _narrow(state: State, appointments: Sequence[Json]) -> Json | None:
    """Choose by order, date, time or place as they were said."""
    parsed = state.parsed
    if parsed.choice is not None and state.last_act == "ask_which" and appointments:
        return appointments[parsed.choice if parsed.choice < len(appointments) else -1]
    dates: list[date] = [*state.said_dates, *parsed.dates]
    fitting = list(appointments)
    on_day = [item for item in fitting if (moment := moment_of(item, state)) and moment.date() in dates]
    fitting = on_day or fitting
    at_time = [item for item in fitting if (moment := moment_of(item, state)) and moment.time() in parsed.times]
    fitting = at_time or fitting
    of_kind = [item for item in fitting if parsed.kind and find_kind(place_of(item)) == parsed.kind]
    fitting = of_kind or fitting
    if len(fitting) > 1:
        names = [place_of(item) for item in fitting]
        index = match_name(parsed.text, names)
        if index is not None and names.count(names[index]) == 1:
            fitting = [fitting[index]]
    return fitting[0] if len(fitting) == 1 else None


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
