"""Counts requests: every response for /health/detailed, every finished user request for the metrics."""

import threading
import time
from typing import Any

from flask import Flask, Response, request

from services.assistant.metrics import ROUTES, AssistantMetrics
from services.telemetry import context, names
from services.web.times import format_rfc3339

# A chat may end in a fallback reply with status 200, so its status is not its outcome: the chat binds it.
_BINDS_OUTCOME = "/chat"
# A browser's preflight and a question for headers: no work of the service, so they are no user requests.
_METHODS_WITHOUT_USER = ("OPTIONS", "HEAD")


class RequestCounter:
    """Counts the responses of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = 0
        self._failed = 0
        self._last: float | None = None

    def add(self, status: int) -> None:
        """Count one response; it failed with a status of 400 and above."""
        with self._lock:
            self._total += 1
            self._failed += status >= 400
            self._last = time.time()

    def document(self) -> dict[str, Any]:
        """Return the counts for /health/detailed: total, failed, failed in percent, time of the last response."""
        with self._lock:
            return {
                "total": self._total,
                "failed": self._failed,
                "error_rate_percent": round(100 * self._failed / self._total, 2) if self._total else 0.0,
                "last_request": format_rfc3339(self._last) if self._last else None,
            }


def init_app(app: Flask, counter: RequestCounter, metrics: AssistantMetrics) -> None:
    """Count every response, and every finished user request by route and outcome."""

    @app.after_request
    def count(response: Response) -> Response:
        if request.path in names.UNCOUNTED_PATHS or request.path.startswith("/static/"):
            return response
        status = response.status_code
        counter.add(status)
        route, current = user_route(), context.current()
        # A 4xx is a client error: ai_rejected_requests_total counts it.
        if route and current and (status < 400 or status >= 500):
            outcome = _outcome(route, status, current.outcome)
            metrics.finished(route, outcome, time.perf_counter() - current.started, current.business_id)
        return response


def user_route() -> str | None:
    """Return the first part of the path, as in AI_REQUESTS; None unless it is a user request."""
    if request.method in _METHODS_WITHOUT_USER:
        return None
    first = "/" + request.path.split("/")[1]
    return first if first in ROUTES and request.url_rule is not None else None


def _outcome(route: str, status: int, bound: str) -> str:
    """Return ok, fallback or error; a chat that bound no outcome is an error."""
    if status >= 500:
        return "error"
    return (bound or "error") if route == _BINDS_OUTCOME else "ok"
