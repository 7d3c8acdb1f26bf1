"""Locust users that live through the plans of `people` against the assistant's public API."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from loadtest import grammar, people
from loadtest.people import Visit
from loadtest.person import Life, Person
from loadtest.talk import Talk

_MOST_TURNS = 5


class Customer(Person):
    """Books an appointment in a conversation, reads it, cancels it, rates the chat; leaves nothing booked behind.

    Some only ask, cannot decide, or give up in the middle.
    """

    # Whether a message in the middle of a conversation is sent again when it failed; the first one always is.
    insists = False

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._talk: Talk | None = None

    def on_stop(self) -> None:
        """Cancel what is booked at this moment: the person leaves."""
        if self._talk and self._talk.booked and self._talk.appointment_id:
            self._cancel_one(self._talk.appointment_id)
        super().on_stop()

    def begin(self) -> Life:
        """Cancel what an earlier life left behind when it was stopped in the middle."""
        yield from self._cancel_everything(self.ledger.found)

    def visit(self, visit: Visit, business: dict[str, Any]) -> Life:
        """Look around, talk, and rate what really happened."""
        if visit.tracks:
            self.ask("POST", "/track", "track", {"business_id": business["id"], "event": visit.tracks})
            yield
        if visit.looks_at_slots:
            self.ask("GET", f"/businesses/{quote(business['id'])}/slots", "slots")
            yield
        if visit.prediction:
            self.ask("POST", "/predict", "predict", visit.prediction)
            yield
        talk = self._talk = Talk(self._send, business["id"], self.ledger)
        yield from self._converse(talk, visit, business["kind"])
        if talk.booked:
            yield from self._read(talk, visit)
            yield from self._cancel(talk, visit)
        if talk.unanswered:
            # Whether something was booked then, only the list can tell.
            yield from self._cancel_everything()
        if visit.rates and talk.message_id:
            number = people.stars(talk.result(visit.goal), visit.mood)
            body = {"message_id": talk.message_id, "stars": number}
            # What was said while the database was away is not known to it.
            self.ask("POST", "/feedback", "feedback", body, gone_is_fine=True)
            yield

    def _converse(self, talk: Talk, visit: Visit, kind: str) -> Life:
        yield from self._say(talk, grammar.opening(kind, visit.wording), 1 + visit.patience)
        if visit.goal == "hesitate":
            for turn in range(visit.doubts):
                if talk.booked or talk.over:
                    return
                yield from self._say(talk, grammar.doubting(turn, visit.wording))
        wants = visit.goal == "book" or (visit.goal == "hesitate" and visit.decides)
        for turn in range(1, _MOST_TURNS if wants else 1):
            if talk.booked or talk.over:
                return
            yield from self._say(talk, grammar.choosing(turn, visit.wording), 1 + visit.patience * self.insists)
        if not talk.booked and not talk.over:
            yield from self._say(talk, grammar.leaving(visit.wording))

    def _say(self, talk: Talk, message: str, times: int = 1) -> Life:
        """Say something, again up to so many times when it fails."""
        for _ in range(times):
            talk.say(message)
            yield
            if not talk.failed:
                return

    def _read(self, talk: Talk, visit: Visit) -> Life:
        if visit.reads == "chat":
            yield from self._say(talk, grammar.reading(visit.wording))
        else:
            self._first_page()
            yield

    def _cancel(self, talk: Talk, visit: Visit) -> Life:
        if visit.cancels == "chat":
            for turn in range(3):
                if not talk.booked or talk.over:
                    break
                yield from self._say(talk, grammar.cancelling(turn, visit.wording))
        rows = self._first_page()
        yield
        left = {str(row["id"]) for row in rows if row["status"] == "booked"}
        if talk.booked and talk.appointment_id:
            # The list is a page long, and an old customer's is longer.
            left.add(talk.appointment_id)
        for appointment_id in sorted(left):
            self._cancel_one(appointment_id)
            yield
        talk.booked = False

    def _cancel_one(self, appointment_id: str) -> None:
        self.ledger.ask(appointment_id)
        path = f"/appointments/{quote(appointment_id)}"
        if self.ask("DELETE", path, "appointments: cancel", gone_is_fine=True) is not None:
            self.ledger.answered(appointment_id)
            self.ledger.tell(appointment_id, "cancelled")

    def _cancel_everything(self, found: Callable[[list[str]], None] | None = None) -> Life:
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
        """Send one message; a fallback in the place of an answer counts as failed, as it does for the person."""
        body = {"message": message, "business_id": business_id, "user_id": self.name}
        if conversation_id:
            body["conversation_id"] = conversation_id
        return self.ask("POST", "/chat", "chat", body)


class SteadyUser(Customer):
    """The always-on customer: with four of them about two requests a second, and every one of them succeeds."""

    # Each keeps to a part of its own: two never want the same free time.
    parts = 4


class Hesitant(Customer):
    """Asks a lot, takes time, and books seldom."""


class Impatient(Customer):
    """Takes a slow answer for none, and sends everything again at once until it works."""

    network_timeout = 4.0
    insists = True


class Owner(Person):
    """Owns a business and reads its lists: appointments page by page, free times."""

    def visit(self, visit: Visit, business: dict[str, Any]) -> Life:
        """Read what a morning at the desk takes."""
        path = f"/appointments?business_id={quote(business['id'])}&limit=50"
        for _ in self.pages(path, "appointments: of a business", most=1 + visit.doubts):
            yield
        if visit.looks_at_slots or visit.decides:
            self.ask("GET", f"/businesses/{quote(business['id'])}/slots", "slots")
            yield
