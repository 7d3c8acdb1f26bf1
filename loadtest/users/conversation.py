"""A conversation with the assistant, from the customer's side."""

from collections.abc import Callable
from typing import Any

from loadtest.users.ledger import Ledger
from loadtest.users.personas import Goal, Result

# Sends a message with the ids of a business and a conversation (None at first); returns the response or None.
Send = Callable[[str, str, str | None], dict[str, Any] | None]


class Conversation:
    """One conversation, which records each confirmed booking in the ledger."""

    def __init__(self, send: Send, business_id: str, ledger: Ledger) -> None:
        self._send = send
        self._business_id = business_id
        self._ledger = ledger
        self._conversation_id: str | None = None
        # Of the last response.
        self.message_id: str | None = None
        self.appointment_id: str | None = None
        self.booked = False
        self.ever_booked = False
        # The last message got no response, or a fallback reply.
        self.failed = False
        # It got no response: the result is unknown.
        self.unanswered = False
        self.handed_over = False

    @property
    def finished(self) -> bool:
        """Return whether the conversation ends: the assistant failed, or handed over to a person."""
        return self.failed or self.handed_over

    def say(self, message: str) -> None:
        """Send a message and update the state from its response."""
        wish = self.appointment_id if self.booked else None
        self._ledger.begin_request(wish)
        answer = self._send(message, self._business_id, self._conversation_id)
        if answer is None or "conversation_id" not in answer:
            self.failed = self.unanswered = True
            return
        self._conversation_id = answer["conversation_id"]
        self.message_id = answer.get("message_id")
        self.failed = answer.get("outcome") != "ok"
        # A fallback reply may replace a confirmation.
        if not self.failed:
            self._ledger.end_request(wish)
        self.handed_over = bool(answer.get("handoff"))
        if appointment := answer.get("appointment"):
            self._update(str(appointment["id"]), appointment.get("status", "booked"))

    def _update(self, appointment_id: str, status: str) -> None:
        booked = status == "booked"
        if (appointment_id, booked) != (self.appointment_id, self.booked):
            self._ledger.record(appointment_id, status)
        self.appointment_id, self.booked = appointment_id, booked
        self.ever_booked |= booked

    def result(self, goal: Goal) -> Result:
        """Return the result for a user with that goal."""
        if self.ever_booked:
            return "booked"
        if self.failed:
            return "failed"
        if self.handed_over:
            return "handed over"
        return "not booked" if goal == "book" else "left"
