"""What the user is told when the model cannot be asked, and when a human must call back."""

from dataclasses import dataclass

from services.assistant.booking import Appointment
from services.assistant.directory import Business
from services.assistant.tools import Turn

CALL_BACK = "A colleague will call you back."


@dataclass(frozen=True)
class Fallback:
    """A reply without the model, and whether a human must take over."""

    reply: str
    handoff: bool


def fallback(turn: Turn, failed_before: bool) -> Fallback:
    """Say what is true without the model.

    What the tools already did is confirmed, so that nobody books twice. Whoever meets the failure a second time in
    one conversation is called back; once, it is enough to ask for a moment.
    """
    if turn.appointment and turn.business and turn.action:
        return Fallback(confirmation(turn.action, turn.appointment, turn.business), handoff=False)
    if failed_before:
        return Fallback(f"I am sorry, I still cannot answer. {CALL_BACK}", handoff=True)
    return Fallback("I am sorry, I cannot answer right now. Please try again in a minute.", handoff=False)


def confused() -> str:
    """The reply when the model goes round in circles."""
    return f"I am sorry, I could not work this out. {CALL_BACK}"


def confirmation(action: str, appointment: Appointment, business: Business) -> str:
    """Tell in plain words what was done."""
    when = appointment.starts_at.strftime("%A, %B %d, %Y at %H:%M")
    done = {"booked": "is booked for", "moved": "was moved to", "cancelled": "was cancelled; it was on"}[action]
    return f"Your appointment with {appointment.provider} at {business.name} {done} {when}."
