"""Counting requests: for /health/detailed (every answer) and for the users' figures (finished requests)."""

import threading
import time
from dataclasses import dataclass

from flask import Flask, Response, g, request

from services.assistant.instruments import ROUTES, Instruments

# What asks about the service is no use of it.
_NOT_COUNTED = frozenset({"/health", "/health/detailed", "/ready", "/metrics", "/stats", "/favicon.ico"})


@dataclass(frozen=True)
class Requests:
    """Answers so far; `failed` are those of 400 and above, `last` is when the last one was given (epoch seconds)."""

    total: int
    failed: int
    last: float | None

    @property
    def error_rate_percent(self) -> float:
        """The share of failed ones."""
        return round(100 * self.failed / self.total, 2) if self.total else 0.0


class Tally:
    """Counts answers of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = Requests(0, 0, None)

    @property
    def requests(self) -> Requests:
        """The figures now."""
        return self._requests

    def answered(self, status: int) -> None:
        """Count one answer."""
        with self._lock:
            before = self._requests
            self._requests = Requests(before.total + 1, before.failed + (status >= 400), time.time())


def init_app(app: Flask, tally: Tally, instruments: Instruments) -> None:
    """Count every answer, and every finished request of a user by route and outcome."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        if request.path in _NOT_COUNTED or request.path.startswith("/static/"):
            return response
        status = response.status_code
        tally.answered(status)
        route = "/" + request.path.split("/")[1]
        # A 4xx is the user's to mend: it stands among the rejected requests.
        if route in ROUTES and request.url_rule is not None and (status < 400 or status >= 500):
            outcome = "error" if status >= 500 else g.get("outcome", "ok")
            started = g.get("started", time.perf_counter())
            instruments.finished(route, outcome, time.perf_counter() - started, g.get("business_id"))
        return response
