"""Counts requests: every response for /health/detailed, every finished user request for the metrics."""

import threading
import time
from dataclasses import dataclass

from flask import Flask, Response, g, request

from services.assistant.metrics import ROUTES, AssistantMetrics
from services.telemetry import context, names

# A chat may end in a fallback reply with status 200, so its status is not its outcome: the chat binds it.
_BINDS_OUTCOME = "/chat"


@dataclass(frozen=True)
class Requests:
    """Responses so far; `failed` are those of 400 and above, `last` is the time of the last one (epoch seconds)."""

    total: int
    failed: int
    last: float | None

    @property
    def error_rate_percent(self) -> float:
        """Return the share of failed ones in percent."""
        return round(100 * self.failed / self.total, 2) if self.total else 0.0


class RequestCounter:
    """Counts responses of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = Requests(0, 0, None)

    @property
    def requests(self) -> Requests:
        """Return the counts now."""
        return self._requests

    def add(self, status: int) -> None:
        """Count one response."""
        with self._lock:
            before = self._requests
            self._requests = Requests(before.total + 1, before.failed + (status >= 400), time.time())


def init_app(app: Flask, counter: RequestCounter, metrics: AssistantMetrics) -> None:
    """Count every response, and every finished user request by route and outcome."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        if request.path in names.UNCOUNTED_PATHS or request.path.startswith("/static/"):
            return response
        status = response.status_code
        counter.add(status)
        route = "/" + request.path.split("/")[1]
        # A 4xx is a client error: ai_rejected_requests_total counts it.
        if route in ROUTES and request.url_rule is not None and (status < 400 or status >= 500):
            current = context.current()
            outcome = _outcome(route, status, current.outcome if current else "ok")
            started = g.get("started", time.perf_counter())
            metrics.finished(route, outcome, time.perf_counter() - started, current.business_id if current else None)
        return response


def _outcome(route: str, status: int, bound: str) -> str:
    """Return ok, fallback or error. A chat that bound no outcome did not end as it should: error."""
    if status >= 500:
        return "error"
    return (bound or "error") if route == _BINDS_OUTCOME else "ok"
