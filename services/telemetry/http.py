"""What every request gets: a request id, a measurement with exemplar, an access line, and headers that name its trace.

Probes, scrapes and static files get none of it: at one a second from several sides they would be most of the data.
"""

import re
import time
import uuid
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from opentelemetry import trace
from prometheus_client import Histogram

from services.telemetry import context, metrics, names, privacy, tracing
from services.telemetry.context import RequestContext

if TYPE_CHECKING:
    from services.telemetry.core import Telemetry

REQUEST_ID_HEADER = "X-Request-Id"
TRACE_ID_HEADER = "X-Trace-Id"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_EXCLUDED = frozenset(tracing.EXCLUDED_PATHS)


def init_app(app: Flask, telemetry: "Telemetry") -> None:
    """Join the app. Call it before the app's other hooks: the first one in is the last one out."""
    _add_metrics_page(app, telemetry)
    if telemetry.settings.telemetry_off:
        return
    duration = telemetry.histogram(
        names.HTTP_DURATION, "Time to answer a request, in seconds.", names.HTTP_LABELS, names.HTTP_BUCKETS
    )
    active = telemetry.gauge(names.HTTP_ACTIVE, "Requests being answered.")

    @app.before_request
    def begin() -> None:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        known = RequestContext(request_id=request_id, started=time.perf_counter())
        g.telemetry_token = context.enter(known)
        if not _excluded():
            active.inc()
            g.telemetry_active = True

    tracing.instrument_flask(app, telemetry.tracer_provider)

    @app.after_request
    def finish(response: Response) -> Response:
        known = context.current()
        if known is None:
            return response
        response.headers[REQUEST_ID_HEADER] = known.request_id
        if _excluded():
            return response
        span = trace.get_current_span()
        trace_id = telemetry.current_trace_id()
        if trace_id:
            response.headers[TRACE_ID_HEADER] = trace_id
        if request.query_string:
            # Values may be personal; which parameters were given says enough.
            span.set_attribute("url.query", "&".join(f"{key}={privacy.MASK}" for key in request.args))
        measured = _Measured(telemetry, known, span, response)

        def measure() -> None:
            measured.close(duration)

        if response.is_streamed and response.content_length is None:
            # The answer is not over when the view returns.
            response.call_on_close(measure)
        else:
            measure()
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        if g.pop("telemetry_active", False):
            active.dec()
        token = g.pop("telemetry_token", None)
        if token is not None:
            context.leave(token)


def _add_metrics_page(app: Flask, telemetry: "Telemetry") -> None:
    def scrape() -> Response:
        body, content_type = telemetry.metrics.scrape(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

    # Not by decorator: /metrics is no part of an app's published OpenAPI document.
    app.add_url_rule("/metrics", "metrics", scrape)


def _excluded() -> bool:
    return request.path in _EXCLUDED or request.path.startswith("/static/")


class _Measured:
    """One request, kept until its answer is sent."""

    def __init__(self, telemetry: "Telemetry", known: RequestContext, span: trace.Span, response: Response) -> None:
        self._telemetry = telemetry
        self._known = known
        self._span = span
        self._status = response.status_code
        self._bytes = response.content_length
        self._method = request.method if request.method in _METHODS else "_OTHER"
        self._route = request.url_rule.rule if request.url_rule else names.OTHER

    def close(self, duration: Histogram) -> None:
        """Observe the duration and write the access line."""
        seconds = time.perf_counter() - self._known.started
        duration.labels(self._method, self._route, str(self._status)).observe(seconds, metrics.exemplar(self._span))
        fields = {
            "method": self._method,
            "route": self._route,
            "status": self._status,
            "duration_ms": round(seconds * 1000, 2),
        }
        level = "info" if self._status < 400 else "warning" if self._status < 500 else "error"
        text = f"{self._method} {self._route} {self._status}"
        self._log("access", "http.request", text, level, {**fields, "bytes": self._bytes})
        limit = self._telemetry.settings.slow_request_seconds
        if seconds > limit:
            slow = {**fields, "limit_ms": limit * 1000}
            self._log("performance", "http.slow", f"{text} was slow", "warning", slow)

    def _log(self, kind: str, event: str, text: str, level: str, fields: dict[str, object]) -> None:
        self._telemetry.log_for(
            self._known, self._span, kind=kind, event=event, message=text, level=level, logger="http", fields=fields
        )
