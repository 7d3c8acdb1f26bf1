"""Locust users that run the sessions of their personas against the assistant's public API."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from loadtest.users import grammar, personas
from loadtest.users.conversation import Conversation
from loadtest.users.personas import Session
from loadtest.users.user_flow import Person, UserFlow

_MOST_TURNS = 5


class Customer(Person):
    """Books an appointment in a chat, reads it, cancels it and rates the chat; some leave without a booking."""

    # Whether it also sends later messages again after a failure; it always does so with the first one.
    insists = False

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._conversation: Conversation | None = None

    def on_stop(self) -> None:
        """Cancel the current booking, because the user leaves."""
        conversation = self._conversation
        if conversation and conversation.booked and conversation.appointment_id:
            self._cancel_one(conversation.appointment_id)
        super().on_stop()

    def begin(self) -> UserFlow:
        """Cancel the bookings of an earlier run that was stopped."""
        yield from self._cancel_everything(self.ledger.found)

    def session(self, session: Session, business: dict[str, Any]) -> UserFlow:
        """Look at the business, chat, and rate the result."""
        if session.tracks:
            self.request("POST", "/track", "track", {"business_id": business["id"], "event": session.tracks})
            yield
        if session.looks_at_slots:
            self.request("GET", f"/businesses/{quote(business['id'])}/slots", "slots")
            yield
        if session.prediction:
            self.request("POST", "/predict", "predict", session.prediction)
            yield
        conversation = self._conversation = Conversation(self._send, business["id"], self.ledger)
        yield from self._converse(conversation, session, business["kind"])
        if conversation.booked:
            yield from self._read(conversation, session)
            yield from self._cancel(conversation, session)
        if conversation.unanswered:
            # Only the list shows whether it was booked then.
            yield from self._cancel_everything()
        if session.rates and conversation.message_id:
            number = personas.stars(conversation.result(session.goal), session.mood)
            body = {"message_id": conversation.message_id, "stars": number}
            # The database has no message from a time when it was unreachable.
            self.request("POST", "/feedback", "feedback", body, allow_missing=True)
            yield

    def _converse(self, conversation: Conversation, session: Session, kind: str) -> UserFlow:
        yield from self._say(conversation, grammar.opening(kind, session.wording), 1 + session.patience)
        if session.goal == "hesitate":
            for turn in range(session.doubts):
                if conversation.booked or conversation.finished:
                    return
                yield from self._say(conversation, grammar.doubting(turn, session.wording))
        wants = session.goal == "book" or (session.goal == "hesitate" and session.decides)
        for turn in range(1, _MOST_TURNS if wants else 1):
            if conversation.booked or conversation.finished:
                return
            yield from self._say(
                conversation, grammar.choosing(turn, session.wording), 1 + session.patience * self.insists
            )
        if not conversation.booked and not conversation.finished:
            yield from self._say(conversation, grammar.leaving(session.wording))

    def _say(self, conversation: Conversation, message: str, times: int = 1) -> UserFlow:
        """Send a message, up to `times` times until it succeeds."""
        for _ in range(times):
            conversation.say(message)
            yield
            if not conversation.failed:
                return

    def _read(self, conversation: Conversation, session: Session) -> UserFlow:
        if session.reads == "chat":
            yield from self._say(conversation, grammar.reading(session.wording))
        else:
            self._first_page()
            yield

    def _cancel(self, conversation: Conversation, session: Session) -> UserFlow:
        if session.cancels == "chat":
            for turn in range(3):
                if not conversation.booked or conversation.finished:
                    break
                yield from self._say(conversation, grammar.cancelling(turn, session.wording))
        rows = self._first_page()
        yield
        left = {str(row["id"]) for row in rows if row["status"] == "booked"}
        if conversation.booked and conversation.appointment_id:
            # A customer's list may be longer than its first page.
            left.add(conversation.appointment_id)
        for appointment_id in sorted(left):
            self._cancel_one(appointment_id)
            yield
        conversation.booked = False

    def _cancel_one(self, appointment_id: str) -> None:
        self.ledger.begin_request(appointment_id)
        path = f"/appointments/{quote(appointment_id)}"
        if self.request("DELETE", path, "appointments: cancel", allow_missing=True) is not None:
            self.ledger.end_request(appointment_id)
            self.ledger.record(appointment_id, "cancelled")

    def _cancel_everything(self, found: Callable[[list[str]], None] | None = None) -> UserFlow:
        booked = []
        for rows in self.pages(f"/appointments?user_id={quote(self.name)}&limit=200", "appointments"):
            if found:
                found([str(row["id"]) for row in rows])
            booked += [str(row["id"]) for row in rows if row["status"] == "booked"]
            yield
        for appointment_id in booked:
            self._cancel_one(appointment_id)
            yield

    def _first_page(self) -> list[dict[str, Any]]:
        return next(self.pages(f"/appointments?user_id={quote(self.name)}&limit=100", "appointments"))

    def _send(self, message: str, business_id: str, conversation_id: str | None) -> dict[str, Any] | None:
        """Send one message; `request` counts a fallback reply as a failure."""
        body = {"message": message, "business_id": business_id, "user_id": self.name}
        if conversation_id:
            body["conversation_id"] = conversation_id
        return self.request("POST", "/chat", "chat", body)


class BaselineUser(Customer):
    """The baseline customer; without faults all its requests succeed."""

    # Different businesses: two users never want the same free time.
    parts = 4


class Hesitant(Customer):
    """Asks many questions with long think times, and books seldom."""


class Impatient(Customer):
    """Has a short timeout, and sends each message again until it succeeds."""

    network_timeout = 4.0
    insists = True


class Owner(Person):
    """Reads the appointments and the free times of a business."""

    def session(self, session: Session, business: dict[str, Any]) -> UserFlow:
        """Read some pages of appointments, and perhaps the free times."""
        path = f"/appointments?business_id={quote(business['id'])}&limit=50"
        for _ in self.pages(path, "appointments: of a business", most=1 + session.doubts):
            yield
        if session.looks_at_slots or session.decides:
            self.request("GET", f"/businesses/{quote(business['id'])}/slots", "slots")
            yield
