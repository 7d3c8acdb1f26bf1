"""Locust users that live through the plans of `people` against the assistant's public API."""

import itertools
import os
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import quote

from locust import task
from locust.contrib.fasthttp import FastHttpUser

from loadtest import grammar
from loadtest.people import Visit, visits

# The lab's own checks book there; it is no business of people.
_PROBE = "lab-doctor"
_MOST_TURNS = 5
# One request of a person. Each `next` of a life sends at most one, so that think times and a stop come between them.
Life = Iterator[None]


class Customer(FastHttpUser):
    """Books an appointment in a conversation, reads it, cancels it, rates the chat; leaves nothing booked behind."""

    # A little longer than the assistant gives itself for a chat.
    network_timeout = 15.0
    connection_timeout = 5.0
    # How many people share the businesses: each keeps to its own part, so that two never want the same free time.
    parts: ClassVar[int] = 8
    _numbers: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._number = next(type(self)._numbers)
        self._name = f"{os.environ.get('LAB_SCENARIO') or type(self).__name__.lower()}-{self._number}"
        self._visits = visits(int(os.environ.get("LAB_SEED", "1")), self._name)
        self._thinks: Iterator[float] = itertools.repeat(1.0)
        self._life = self._live()

    def wait_time(self) -> float:
        """Return the seconds until the next request, as planned for the visit."""
        return next(self._thinks)

    @task
    def step(self) -> None:
        """Do the next thing in this person's life."""
        next(self._life)

    def _live(self) -> Life:
        businesses: list[dict[str, Any]] = []
        while not businesses:
            # A long pause while the assistant is not there yet: asking faster would only fill the log.
            self._thinks = itertools.repeat(2.0)
            businesses = self._own_part(self._ask("GET", "/businesses?limit=100", "businesses"))
            yield
        # What an earlier life left behind when it was stopped in the middle.
        yield from self._cancel_all()
        for visit in self._visits:
            self._thinks = itertools.cycle(visit.thinks)
            yield from self._go(visit, businesses[int(visit.business * len(businesses))])

    def _own_part(self, answer: dict[str, Any] | None) -> list[dict[str, Any]]:
        known = sorted((row for row in (answer or {}).get("businesses", ()) if row["id"] != _PROBE), key=_by_id)
        return known[self._number % self.parts :: self.parts] or known

    def _go(self, visit: Visit, business: dict[str, Any]) -> Life:
        if visit.tracks:
            self._ask("POST", "/track", "track", {"business_id": business["id"], "event": visit.tracks})
            yield
        if visit.looks_at_slots:
            self._ask("GET", f"/businesses/{quote(business['id'])}/slots", "slots")
            yield
        if visit.prediction:
            self._ask("POST", "/predict", "predict", visit.prediction)
            yield
        talk = Talk(self, business["id"])
        yield from self._book(talk, visit, business["kind"])
        if talk.booked:
            yield from self._read(talk, visit)
            yield from self._cancel(talk, visit)
            yield from self._cancel_all()
        if visit.stars and talk.message_id:
            self._ask("POST", "/feedback", "feedback", {"message_id": talk.message_id, "stars": visit.stars})
            yield

    def _book(self, talk: "Talk", visit: Visit, kind: str) -> Life:
        for _ in range(1 + visit.patience):
            talk.say(grammar.opening(kind, visit.wording))
            yield
            if not talk.over:
                break
        for turn in range(1, _MOST_TURNS):
            if talk.booked or talk.over:
                return
            talk.say(grammar.choosing(turn, visit.wording))
            yield
        if not talk.booked and not talk.over:
            talk.say(grammar.leaving(visit.wording))
            yield

    def _read(self, talk: "Talk", visit: Visit) -> Life:
        if visit.reads == "chat":
            talk.say(grammar.reading(visit.wording))
        else:
            self._appointments()
        yield

    def _cancel(self, talk: "Talk", visit: Visit) -> Life:
        if visit.cancels == "list":
            return
        for turn in range(3):
            if not talk.booked or talk.over:
                return
            talk.say(grammar.cancelling(turn, visit.wording))
            yield

    def _cancel_all(self) -> Life:
        """Cancel what is still booked under this person's name, whoever booked it and however."""
        for row in self._appointments():
            yield
            self._ask("DELETE", f"/appointments/{quote(str(row['id']))}", "appointments: cancel", gone_is_fine=True)
        yield

    def _appointments(self) -> list[dict[str, Any]]:
        answer = self._ask("GET", f"/appointments?user_id={quote(self._name)}&limit=100", "appointments")
        rows = (answer or {}).get("appointments", [])
        return [row for row in rows if row["status"] == "booked"]

    def chat(self, message: str, business_id: str, conversation_id: str | None) -> dict[str, Any] | None:
        """Send one message; a fallback in the place of an answer counts as failed, as it does for the person."""
        body = {"message": message, "business_id": business_id, "user_id": self._name}
        if conversation_id:
            body["conversation_id"] = conversation_id
        return self._ask("POST", "/chat", "chat", body)

    def _ask(
        self, method: str, path: str, name: str, body: dict[str, Any] | None = None, *, gone_is_fine: bool = False
    ) -> dict[str, Any] | None:
        """Send one request and return its JSON object, or None when it failed; never raises."""
        with self.client.request(method, path, name=name, json=body, catch_response=True) as response:
            if gone_is_fine and response.status_code in (404, 409):
                response.success()
                return {}
            # Few and fixed words: Locust keeps an entry for each text for as long as it runs.
            if not 200 <= response.status_code < 300:
                response.failure(f"status {response.status_code}")
                return None
            if response.status_code == 204:
                return {}
            try:
                answer = response.json()
            except ValueError:
                response.failure("not JSON")
                return None
            if not isinstance(answer, dict):
                response.failure("not an object")
                return None
            if answer.get("outcome") == "fallback":
                response.failure("fallback")
            return answer


class SteadyUser(Customer):
    """The always-on customer: with four of them about two requests a second, and every one of them succeeds."""

    parts = 4
    _numbers = itertools.count()


class Talk:
    """One conversation, as the customer sees it."""

    def __init__(self, customer: Customer, business_id: str) -> None:
        self._customer = customer
        self._business_id = business_id
        self._conversation_id: str | None = None
        # The last answer that was one.
        self.message_id: str | None = None
        self.booked = False
        # Nothing more to gain: the assistant failed, or handed over to a person.
        self.over = False

    def say(self, message: str) -> None:
        """Say something and take in what the answer changed."""
        answer = self._customer.chat(message, self._business_id, self._conversation_id)
        if answer is None or "conversation_id" not in answer:
            self.over = True
            return
        self._conversation_id = answer["conversation_id"]
        self.over = bool(answer.get("handoff")) or answer.get("outcome") == "fallback"
        if answer.get("outcome") == "ok":
            self.message_id = answer.get("message_id")
        appointment = answer.get("appointment")
        if appointment:
            self.booked = appointment.get("status", "booked") == "booked"


def _by_id(row: dict[str, Any]) -> str:
    return str(row["id"])
