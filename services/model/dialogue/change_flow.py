"""The flows that list, move and cancel the user's appointments."""

from datetime import datetime
from typing import Final

from services.model.dialogue.booking_flow import refusal
from services.model.dialogue.selection import moment_of, spoken_appointment, spoken_moment, zone_of
from services.model.dialogue.state import REFUSALS, Action, Json, State, ToolUse, Utterance
from services.model.dialogue.text import join_words, spoken_when, word_set

_MAX_LISTED: Final = 5
_MOVE_QUESTIONS: Final = REFUSALS | word_set("confirm_move")


def change(state: State) -> Action:
    """Return the next action for the goals list, move and cancel."""
    if state.goal == "list":
        if state.result_of("list_my_appointments") is None:
            return ToolUse("list_my_appointments")
        return _list_appointments(state, "appointments")
    result = state.result_of("cancel_appointment") or state.result_of("move_appointment")
    if result is not None:
        return _report(state, result)
    if state.target is not None:
        return _cancel(state, state.target) if state.goal == "cancel" else _move(state, state.target)
    if state.appointments is None:
        return ToolUse("list_my_appointments")
    return _list_appointments(state, "ask_which")


def _list_appointments(state: State, act: str) -> Utterance:
    if not state.appointments:
        return Utterance("no_appointments")
    listed = [spoken_appointment(item, state) for item in state.appointments[:_MAX_LISTED]]
    return Utterance(act, {"appointments": join_words(listed, "and")})


def _cancel(state: State, target: Json) -> Action:
    if state.last_act == "confirm_cancel":
        if state.parsed.agreed:
            return ToolUse("cancel_appointment", {"appointment_id": str(target.get("id"))})
        if state.parsed.refused:
            return Utterance("kept")
    return Utterance("confirm_cancel", {"appointment": spoken_appointment(target, state)})


def _move(state: State, target: Json) -> Action:
    parsed = state.parsed
    if parsed.refused and state.last_act in _MOVE_QUESTIONS and not parsed.has_moment:
        return Utterance("kept")
    new = _new_moment(state, target)
    if new is None:
        return Utterance("ask_move_to", {"appointment": spoken_appointment(target, state)})
    if parsed.agreed and state.last_act in _MOVE_QUESTIONS and _is_confirmed(state, new):
        starts_at = new.replace(tzinfo=zone_of(target, state)).isoformat()
        return ToolUse("move_appointment", {"appointment_id": str(target.get("id")), "starts_at": starts_at})
    return Utterance("confirm_move", {"when": spoken_when(new, state.today)})


def _new_moment(state: State, target: Json) -> datetime | None:
    """Return the requested local day and time; one that the user did not name stays as it is."""
    request, moment = state.request, moment_of(target, state)
    day = request.day or (moment.date() if moment and request.clock else None)
    clock = request.clock or (moment.time() if moment and request.day else None)
    return datetime.combine(day, clock) if day and clock else None


def _is_confirmed(state: State, new: datetime) -> bool:
    """Return whether the yes confirms this time and not an earlier proposal."""
    if state.last_act in REFUSALS:
        return state.offers(new.date(), new.time())
    parsed = state.parsed
    return not parsed.has_moment or new.date() in parsed.dates or new.time() in parsed.times


def _report(state: State, result: Json) -> Action:
    if state.goal == "cancel":
        has_failed = result.get("ok") is False or result.get("error")
        return Utterance("trouble") if has_failed else Utterance("cancelled")
    if not result.get("ok"):
        return refusal(state, result)
    return Utterance("moved", {"when": spoken_moment(state.target, state, "the new day")})
