"""Every request gets a request id, a measurement with exemplar, an access line, and headers with its ids.

Probes, scrapes and static files get none: at several per second they would be most of the data.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from flask.globals import request_ctx
from opentelemetry import trace
from prometheus_client import Histogram

from services.telemetry import context, metrics, names, privacy, tracing
from services.telemetry.baggage import filter_baggage
from services.telemetry.context import RequestContext

if TYPE_CHECKING:
    from services.telemetry.core import Telemetry

REQUEST_ID_HEADER = "X-Request-Id"
TRACE_ID_HEADER = "X-Trace-Id"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def init_app(app: Flask, telemetry: "Telemetry") -> None:
    """Add the hooks. Call it before the app's other hooks: the first one added ends last."""
    _add_metrics_route(app, telemetry)
    _add_context(app)
    if telemetry.settings.telemetry_off:
        return
    duration = telemetry.histogram(
        names.HTTP_DURATION, "Seconds to answer a request.", names.HTTP_LABELS, names.HTTP_BUCKETS
    )
    active = telemetry.gauge(names.HTTP_ACTIVE, "Active requests.")

    @app.before_request
    def begin() -> None:
        if not _excluded():
            active.inc()
            g.telemetry_active = True

    tracing.instrument_flask(app, telemetry.tracer_provider)
    # Around the instrumentation, which reads the baggage.
    app.wsgi_app = filter_baggage(app.wsgi_app, telemetry.settings.allowed_baggage())  # type: ignore[assignment,method-assign]

    @app.after_request
    def finish(response: Response) -> Response:
        request_context = context.current()
        if request_context is None:
            return response
        response.headers[REQUEST_ID_HEADER] = request_context.request_id
        if _excluded():
            return response
        span = trace.get_current_span()
        trace_id = telemetry.current_trace_id()
        if trace_id:
            response.headers[TRACE_ID_HEADER] = trace_id
        if request.query_string:
            # Values may be personal.
            span.set_attribute("url.query", "&".join(f"{key}={privacy.MASK}" for key in request.args))
        measurement = _Measurement(telemetry, duration, request_context.started, response)
        if response.is_streamed and response.content_length is None and not response.direct_passthrough:
            response.response = _Stream(response.response, measurement.record)
        else:
            measurement.record()
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        if g.pop("telemetry_active", False):
            active.dec()


def _add_context(app: Flask) -> None:
    """Give every request its context, also with telemetry off: routes bind the business and the outcome to it."""

    @app.before_request
    def begin() -> None:
        request_id = request.headers.get(REQUEST_ID_HEADER, "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        g.telemetry_token = context.REQUEST.set(RequestContext(request_id=request_id, started=time.perf_counter()))

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        token = g.pop("telemetry_token", None)
        if token is not None:
            context.REQUEST.reset(token)


def _add_metrics_route(app: Flask, telemetry: "Telemetry") -> None:
    def scrape() -> Response:
        body, content_type = telemetry.metrics.scrape(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

    # Without a decorator: /metrics is not part of the OpenAPI document.
    app.add_url_rule("/metrics", "metrics", scrape)


def matched_route() -> str:
    """Return the pattern of the current request's route, `other` where none matches."""
    return request.url_rule.rule if request.url_rule else names.OTHER


def _excluded() -> bool:
    return request.path in names.PROBE_PATHS or request.path.startswith("/static/")


class _Measurement:
    """One request, kept until its response is sent."""

    def __init__(self, telemetry: "Telemetry", duration: Histogram, started: float, response: Response) -> None:
        self._telemetry = telemetry
        self._duration = duration
        self._started = started
        self._status = response.status_code
        self._bytes = response.content_length
        self._method = request.method if request.method in _METHODS else "_OTHER"
        self._route = matched_route()

    def record(self) -> None:
        """Observe the duration and write the access line."""
        seconds = time.perf_counter() - self._started
        labels = self._method, self._route, str(self._status)
        self._duration.labels(*labels).observe(seconds, metrics.exemplar())
        fields: dict[str, Any] = {
            "method": self._method,
            "route": self._route,
            "status": self._status,
            "duration_ms": round(seconds * 1000, 2),
        }
        log = self._telemetry.log
        level = "info" if self._status < 400 else "warning" if self._status < 500 else "error"
        text = " ".join(labels)
        log("access", "http.request", text, level, "http", **fields, bytes=self._bytes)
        limit = self._telemetry.settings.slow_request_seconds
        if seconds > limit:
            log("performance", "http.slow", f"{text} was slow", "warning", "http", **fields, limit_ms=limit * 1000)


class _Stream:
    """The pieces of a response that is sent after its view has returned.

    The request's context, and with it the server span, remains current until the last piece, or until the server closes
    the response because the client disconnected. A server sends a response in the thread that called the app.
    """

    def __init__(self, pieces: Iterable[Any], record: Callable[[], None]) -> None:
        """Keep the current request's context.

        Args:
            pieces: of the response.
            record: called at the end, in the request's context.
        """
        self._pieces = pieces
        self._record = record
        self._is_open = True
        self._context = request_ctx._get_current_object()  # type: ignore[attr-defined]
        # Popped once more at the end: Flask's teardown, which ends the span, waits for the last pop.
        self._context.push()

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._pieces
        finally:
            self.close()

    def close(self) -> None:
        """End the request, once."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            if close := getattr(self._pieces, "close", None):
                close()
            self._record()
        finally:
            self._context.pop()
