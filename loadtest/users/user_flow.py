"""The base of all users: a number, a name, a plan, and requests to the assistant."""

import itertools
import os
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, ClassVar

from locust import task
from locust.contrib.fasthttp import FastHttpUser

from loadtest.users.ledger import Ledger
from loadtest.users.personas import Session, popular, sessions

# Pages of a user's list that are read, enough for some days of a baseline user.
_MOST_PAGES = 200
# Each `next` sends at most one request, so that think times and a stop come between requests.
UserFlow = Iterator[None]


class Person(FastHttpUser):
    """A user that runs the sessions of its seed and number; subclasses define a session."""

    abstract = True
    # Longer than the assistant's deadline for a chat.
    network_timeout = 15.0
    connection_timeout = 5.0
    # The businesses are divided into so many parts, and each user uses one.
    parts: ClassVar[int] = 1
    _taken: ClassVar[dict[str, set[int]]] = {}

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        kind = type(self).__name__
        taken = self._taken.setdefault(kind, set())
        # The lowest free number: a new user continues the plan and the bookings of one that left.
        self.number = next(number for number in itertools.count() if number not in taken)
        taken.add(self.number)
        plan = f"{kind.lower()}-{self.number}"
        scenario = os.environ.get("LAB_SCENARIO")
        self.name = f"{scenario}-{plan}" if scenario else plan
        self.ledger = Ledger.of(environment)
        self.ledger.join(self.name)
        self._sessions = sessions(int(os.environ.get("LAB_SEED", "1")), plan, kind)
        self._thinks: Iterator[float] = itertools.repeat(1.0)
        self._flow = self._run_sessions()

    def wait_time(self) -> float:
        """Return the seconds until the next request, as planned for the session."""
        return next(self._thinks)

    @task
    def step(self) -> None:
        """Send the next request of the flow."""
        next(self._flow)

    def on_stop(self) -> None:
        """Free the number."""
        self._taken[type(self).__name__].discard(self.number)

    def session(self, session: Session, business: dict[str, Any]) -> UserFlow:
        """Run one session."""
        raise NotImplementedError

    def _run_sessions(self) -> UserFlow:
        businesses: list[dict[str, Any]] = []
        while not businesses:
            # Until the assistant responds, the pause is long.
            self._thinks = itertools.repeat(2.0)
            businesses = self._own_part(self.request("GET", "/businesses?limit=200", "businesses"))
            yield
        yield from self.begin()
        for session in self._sessions:
            self._thinks = itertools.cycle(session.thinks)
            yield from self.session(session, businesses[popular(session.business, len(businesses))])

    def begin(self) -> UserFlow:
        """Send the requests before the first session."""
        yield from ()

    def _own_part(self, answer: dict[str, Any] | None) -> list[dict[str, Any]]:
        businesses = sorted((answer or {}).get("businesses", ()), key=itemgetter("id"))
        return businesses[self.number % self.parts :: self.parts] or businesses

    def pages(self, path: str, name: str, most: int = _MOST_PAGES) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of a list of appointments, one request each, until the end or a failure."""
        after = ""
        for _ in range(most):
            answer = self.request("GET", f"{path}{after}", name)
            yield (answer or {}).get("appointments", [])
            if not answer or not answer.get("next"):
                return
            after = f"&after={answer['next']}"

    def request(
        self, method: str, path: str, name: str, body: dict[str, Any] | None = None, *, allow_missing: bool = False
    ) -> dict[str, Any] | None:
        """Send one request and return its JSON object, None when it failed; never raises.

        Args:
            method: the HTTP method.
            path: the path with its query.
            name: the name of the entry in Locust's statistics.
            body: sent as JSON.
            allow_missing: return an empty object for 404 and 409.
        """
        with self.client.request(method, path, name=name, json=body, catch_response=True) as response:
            if allow_missing and response.status_code in (404, 409):
                response.success()
                return {}
            # Fixed texts: Locust keeps an entry for each one as long as it runs.
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
