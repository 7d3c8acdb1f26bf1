"""Replies without the model, and when a human must call back."""

from dataclasses import dataclass

from services.assistant.appointments.booking import Appointment
from services.assistant.conversation.turn import Turn

CALL_BACK = "A colleague will call you back."


@dataclass(frozen=True)
class Fallback:
    """A reply without the model, and whether a human must take over."""

    reply: str
    handoff: bool


def fallback(turn: Turn, failed_before: bool) -> Fallback:
    """Return the reply without the model.

    It confirms what the tools did, so that the user does not book twice. The first failure of a conversation asks for
    a moment, the second hands over to a human.
    """
    if turn.appointment and turn.action:
        return Fallback(confirmation(turn.action, turn.appointment), handoff=False)
    if failed_before:
        return Fallback(f"I am sorry, I still cannot answer. {CALL_BACK}", handoff=True)
    return Fallback("I am sorry, I cannot answer right now. Please try again in a minute.", handoff=False)


def confused() -> str:
    """Return the reply after MAX_ROUNDS rounds of tools."""
    return f"I am sorry, I could not work this out. {CALL_BACK}"


def confirmation(action: str, appointment: Appointment) -> str:
    """Return a sentence about a booked, moved or cancelled appointment."""
    when = appointment.starts_at.strftime("%A, %B %d, %Y at %H:%M")
    done = {"booked": "is booked for", "moved": "was moved to", "cancelled": "was cancelled; it was on"}[action]
    return f"Your appointment with {appointment.provider} at {appointment.business} {done} {when}."
