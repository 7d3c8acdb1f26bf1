"""Selects among the businesses and appointments of the conversation."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from services.model.dialogue.mentions import match_name
from services.model.dialogue.state import Json, State
from services.model.dialogue.text import read_moment, read_zone, spoken_when
from services.model.dialogue.vocabulary import find_kind


def names_of(businesses: Iterable[Json]) -> list[str]:
    """Return the names of the businesses."""
    return [str(business.get("name", "")) for business in businesses]


def zone_of(appointment: Json, state: State) -> tzinfo:
    """Return the appointment's time zone, else its offset, else the zone of the conversation."""
    moment = read_moment(appointment.get("starts_at"))
    default = state.zone
    if moment is not None and moment.utcoffset() != timedelta(0):
        default = moment.tzinfo or UTC
    return read_zone(appointment.get("time_zone"), default)


def moment_of(appointment: Json, state: State) -> datetime | None:
    """Return the start of the appointment, or None if it has none."""
    return read_moment(appointment.get("starts_at"), zone_of(appointment, state))


def spoken_moment(appointment: Json | None, state: State, default: str) -> str:
    """Return the start as "Friday, March 8 at 9:30 AM", or the default if the appointment has none."""
    moment = moment_of(appointment or {}, state)
    return spoken_when(moment, state.today) if moment else default


def spoken_appointment(appointment: Json, state: State) -> str:
    """Return "at Blue Door on Friday, March 8 at 9:30 AM"."""
    moment = moment_of(appointment, state)
    when = f"on {spoken_when(moment, state.today)}" if moment else "at an unknown time"
    place = _place_of(appointment)
    return f"at {place} {when}" if place else when


def _place_of(appointment: Json) -> str:
    """Return the name of the appointment's business, or ""."""
    business = appointment.get("business")
    if isinstance(business, dict):
        business = business.get("name")
    return str(appointment.get("business_name") or business or "")


def choose_target(state: State) -> None:
    """Set the appointment to change if the conversation identifies one."""
    appointments = state.appointments or []
    state.target = appointments[0] if len(appointments) == 1 else _narrow(state, appointments)
    if state.goal == "move" and state.target and state.target_dates and state.request.day is None:
        moment = moment_of(state.target, state)
        if moment is None or moment.date() not in state.target_dates:
            state.request.day = state.target_dates[-1]


def _narrow(state: State, appointments: Sequence[Json]) -> Json | None:
    """Return the appointment that order, date, time, kind and place identify, or None."""
    parsed = state.parsed
    if parsed.choice is not None and state.last_act == "ask_which" and appointments:
        return appointments[parsed.choice if parsed.choice < len(appointments) else -1]
    dates = (*state.target_dates, *parsed.dates)
    fits: tuple[Callable[[Json], bool], ...] = (
        lambda item: (moment := moment_of(item, state)) is not None and moment.date() in dates,
        lambda item: (moment := moment_of(item, state)) is not None and moment.time() in parsed.times,
        lambda item: parsed.kind is not None and find_kind(_place_of(item)) == parsed.kind,
    )
    fitting = list(appointments)
    for is_fitting in fits:
        fitting = list(filter(is_fitting, fitting)) or fitting
    if len(fitting) > 1:
        places = [_place_of(item) for item in fitting]
        index = match_name(parsed.text, places)
        if index is not None and places.count(places[index]) == 1:
            return fitting[index]
    return fitting[0] if len(fitting) == 1 else None


def search_arguments(state: State) -> Json:
    """Return the arguments of find_business for the requested kind and city."""
    request = state.request
    return {"kind": request.kind, **({"city": request.city} if request.city else {})}


def candidates(state: State) -> list[Json] | None:
    """Return the businesses of the requested kind and city, or None before the search."""
    wanted = search_arguments(state)
    return next((found for arguments, found in state.searches if arguments == wanted), None)


def known_businesses(state: State) -> list[Json]:
    """Return all businesses of the conversation, the last search first."""
    known: list[Json] = []
    for _, found in reversed(state.searches):
        known += [business for business in found if business not in known]
    return known


def store_businesses(state: State, arguments: Json, found: list[Json]) -> None:
    """Store the result of find_business, and choose the business if it was searched by name."""
    state.searches = [search for search in state.searches if search[0] != arguments] + [(arguments, found)]
    name = arguments.get("name")
    if not isinstance(name, str):
        return
    request = state.request
    request.name = None
    business = _best_match(name, found, request.city)
    if business is None:
        request.unknown = name
        return
    request.business, request.offered, request.unknown = business, None, None
    if request.city == name:
        request.city = None


def _best_match(name: str, found: list[Json], city: str | None) -> Json | None:
    """Return the business with the most similar name, else the first; in the requested city if there is one."""
    nearby = [business for business in found if city and str(business.get("city", "")).lower() == city.lower()]
    choices = nearby or found
    index = match_name(name, names_of(choices))
    return choices[index or 0] if choices else None
