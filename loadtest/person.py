"""What every simulated person has: a number, a name, a plan, and a way to ask the assistant."""

import itertools
import os
from collections.abc import Iterator
from typing import Any, ClassVar

from locust import task
from locust.contrib.fasthttp import FastHttpUser

from loadtest.ledger import Ledger
from loadtest.people import Visit, popular, visits

# The lab's own checks and its journey book there; they are no businesses of people.
PROBES = ("lab-doctor", "lab-journey")
# Pages of an own list that are read to the end; some days of the always-on users.
_MOST_PAGES = 200
# One request of a person. Each `next` of a life sends at most one, so that think times and a stop come between them.
Life = Iterator[None]


class Person(FastHttpUser):
    """Lives through the visits that its number and the seed give; subclasses say what a visit is."""

    abstract = True
    # A little longer than the assistant gives itself for a chat.
    network_timeout = 15.0
    connection_timeout = 5.0
    # Into how many parts the businesses are divided; each person keeps to one. 1: everybody goes everywhere.
    parts: ClassVar[int] = 1
    _taken: ClassVar[dict[str, set[int]]] = {}

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        kind = type(self).__name__
        taken = self._taken.setdefault(kind, set())
        # The smallest number that is free: who comes after somebody left takes up that life, and what it left booked.
        self.number = next(number for number in itertools.count() if number not in taken)
        taken.add(self.number)
        plan = f"{kind.lower()}-{self.number}"
        scenario = os.environ.get("LAB_SCENARIO")
        self.name = f"{scenario}-{plan}" if scenario else plan
        self.ledger = Ledger.of(environment)
        self.ledger.join(self.name)
        self._visits = visits(int(os.environ.get("LAB_SEED", "1")), plan, kind)
        self._thinks: Iterator[float] = itertools.repeat(1.0)
        self._life = self._live()

    def wait_time(self) -> float:
        """Return the seconds until the next request, as planned for the visit."""
        return next(self._thinks)

    @task
    def step(self) -> None:
        """Do the next thing in this person's life."""
        next(self._life)

    def on_stop(self) -> None:
        """Give the number back."""
        self._taken[type(self).__name__].discard(self.number)

    def visit(self, visit: Visit, business: dict[str, Any]) -> Life:
        """Live through one visit."""
        raise NotImplementedError

    def _live(self) -> Life:
        businesses: list[dict[str, Any]] = []
        while not businesses:
            # A long pause while the assistant is not there yet: asking faster would only fill the log.
            self._thinks = itertools.repeat(2.0)
            businesses = self._own_part(self.ask("GET", "/businesses?limit=200", "businesses"))
            yield
        yield from self.begin()
        for visit in self._visits:
            self._thinks = itertools.cycle(visit.thinks)
            yield from self.visit(visit, businesses[popular(visit.business, len(businesses))])

    def begin(self) -> Life:
        """Do what comes before the first visit."""
        yield from ()

    def _own_part(self, answer: dict[str, Any] | None) -> list[dict[str, Any]]:
        known = sorted((row for row in (answer or {}).get("businesses", ()) if row["id"] not in PROBES), key=_by_id)
        return known[self.number % self.parts :: self.parts] or known

    def pages(self, path: str, name: str, most: int = _MOST_PAGES) -> Iterator[list[dict[str, Any]]]:
        """Yield the appointments of a list page by page, each page one request; ends when one fails."""
        after = ""
        for _ in range(most):
            answer = self.ask("GET", f"{path}{after}", name)
            yield (answer or {}).get("appointments", [])
            if not answer or not answer.get("next"):
                return
            after = f"&after={answer['next']}"

    def ask(
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


def _by_id(row: dict[str, Any]) -> str:
    return str(row["id"])
