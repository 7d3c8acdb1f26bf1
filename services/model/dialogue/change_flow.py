"""Listing, moving and cancelling a person's appointments."""

from datetime import date, datetime, time

from services.model.dialogue.booking_flow import refused
from services.model.dialogue.selection import moment_of, spoken_appointment, zone_of
from services.model.dialogue.state import CANCEL, LIST, REFUSALS, Action, Json, State, ToolUse, Utterance
from services.model.dialogue.text import at, join_or, spoken_when

_FEW = 5


def change(state: State) -> Action:
    """Return the next step for the goals list, move and cancel."""
    if state.goal == LIST:
        return _list(state)
    done = state.result_of("cancel_appointment") or state.result_of("move_appointment")
    if done is not None:
        return _report(state, done)
    if state.target is None:
        return _find_target(state)
    return _cancel(state, state.target) if state.goal == CANCEL else _move(state, state.target)


def _list(state: State) -> Action:
    if state.result_of("list_my_appointments") is None:
        return ToolUse("list_my_appointments")
    if not state.appointments:
        return Utterance("no_appointments")
    return Utterance("appointments", {"appointments": _spoken_list(state)})


def _spoken_list(state: State) -> str:
    return join_or([spoken_appointment(item, state) for item in (state.appointments or [])[:_FEW]], "and")


def _find_target(state: State) -> Action:
    if state.appointments is None:
        return ToolUse("list_my_appointments")
    if not state.appointments:
        return Utterance("no_appointments")
    return Utterance("ask_which", {"appointments": _spoken_list(state)})


def _cancel(state: State, target: Json) -> Action:
    if state.last_act == "confirm_cancel":
        if state.parsed.agreed:
            return ToolUse("cancel_appointment", {"appointment_id": str(target.get("id"))})
        if state.parsed.refused:
            return Utterance("kept")
    return Utterance("confirm_cancel", {"appointment": spoken_appointment(target, state)})


def _move(state: State, target: Json) -> Action:
    new = _new_time(state, target)
    if (
        state.parsed.refused
        and state.last_act in ("confirm_move", *REFUSALS)
        and not (state.parsed.dates or state.parsed.times)
    ):
        return Utterance("kept")
    if new is None:
        return Utterance("ask_move_to", {"appointment": spoken_appointment(target, state)})
    if state.parsed.agreed and state.last_act in ("confirm_move", *REFUSALS) and _same(state, new):
        starts_at = at(new[0], new[1], zone_of(target, state))
        return ToolUse("move_appointment", {"appointment_id": str(target.get("id")), "starts_at": starts_at})
    return Utterance("confirm_move", {"when": spoken_when(datetime.combine(*new), state.today)})


def _new_time(state: State, target: Json) -> tuple[date, time] | None:
    """Return the wished day and time; what was not said stays as it is."""
    request, moment = state.request, moment_of(target, state)
    day = request.day or (moment.date() if moment and request.clock else None)
    clock = request.clock or (moment.time() if moment and request.day else None)
    return (day, clock) if day and clock else None


def _same(state: State, new: tuple[date, time]) -> bool:
    """Return whether the yes confirms this time and not an earlier proposal."""
    if state.last_act in REFUSALS:
        return any((option.date(), option.time()) == new for option in state.options)
    return not (state.parsed.dates or state.parsed.times) or (
        new[0] in state.parsed.dates or new[1] in state.parsed.times
    )


def _report(state: State, result: Json) -> Action:
    if state.goal == CANCEL:
        failed = result.get("ok") is False or result.get("error")
        return Utterance("trouble") if failed else Utterance("cancelled")
    if not result.get("ok"):
        return refused(state, result)
    moment = moment_of(state.target or {}, state)
    return Utterance("moved", {"when": spoken_when(moment, state.today) if moment else "the new day"})
