"""Replies without the model."""

from services.assistant.appointments import local_time
from services.assistant.appointments.booking import Appointment
from services.assistant.conversation.turn import Turn

CALL_BACK = "A colleague will call you back."
CONFUSED = f"I am sorry, I could not work this out. {CALL_BACK}"
_DONE = {"booked": "is booked for", "moved": "was moved to", "cancelled": "was cancelled; it was on"}


def fall_back(turn: Turn) -> None:
    """Set the reply of a turn without the model.

    It confirms what the tools did, so that the user does not book twice. The first failure of a conversation asks for
    a moment, the second hands over to a human.
    """
    turn.outcome = "fallback"
    if turn.appointment and turn.action:
        turn.reply = confirm(turn.action, turn.appointment)
    elif turn.conversation.failed_before:
        turn.reply = f"I am sorry, I still cannot answer. {CALL_BACK}"
        turn.handoff = "error"
    else:
        turn.reply = "I am sorry, I cannot answer right now. Please try again in a minute."


def confirm(action: str, appointment: Appointment) -> str:
    """Return a sentence about a booked, moved or cancelled appointment."""
    when = local_time.format_time(appointment.starts_at)
    return f"Your appointment with {appointment.provider} at {appointment.business} {_DONE[action]} {when}."
