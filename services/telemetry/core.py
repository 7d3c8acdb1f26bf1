"""`Telemetry`: the metrics, logs and traces of one app behind one object."""

import logging
import time
import traceback
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, Status, StatusCode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from services.telemetry import context, http, libraries, logs, metrics, names, privacy, runtime, tracing
from services.telemetry.context import RequestContext
from services.telemetry.labels import LabelGuard
from services.telemetry.metrics import Labels, Metrics
from services.telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_MAX_STACK = 8000


class Telemetry:
    """Everything one app needs to be seen. Make it with `from_settings`."""

    def __init__(self, settings: TelemetrySettings, tracer_provider: trace.TracerProvider) -> None:
        self.settings = settings
        self.service = settings.otel_service_name
        self.tracer_provider = tracer_provider
        self.tracer = tracer_provider.get_tracer("services", settings.version)
        self.metrics = Metrics()
        self._lost = self.metrics.counter(names.LOG_WRITE_ERRORS, "Log lines that could not be written.")
        self._lines = logs.LineLogger(self.service, settings.log_level, self._handlers())
        self._libraries = libraries.attach(self._library_line)
        self._gc = runtime.GcPauses()
        self._register_runtime()

    @classmethod
    def from_settings(cls, settings: TelemetrySettings, tracer_provider: TracerProvider | None = None) -> "Telemetry":
        """The telemetry of one app.

        Without a provider the process's own is used, and set up at the first call. A test passes one that keeps its
        spans in memory.
        """
        if settings.telemetry_off:
            return cls(settings, trace.NoOpTracerProvider())
        return cls(settings, tracer_provider or tracing.provider(settings))

    def _handlers(self) -> list[logging.Handler]:
        settings, handlers = self.settings, list[logging.Handler]()
        if settings.telemetry_off:
            return handlers
        if settings.log_dir is not None:
            path = settings.log_dir / f"{self.service}.log"
            handlers.append(logs.LineFile(path, settings.log_max_bytes, settings.log_backups, self._lost.inc))
        if settings.log_stdout:
            handlers.append(logs.LineStream(self._lost.inc))
        return handlers

    def _register_runtime(self) -> None:
        self.registry.register(runtime.RuntimeCollector(runtime.memory_limit(self.settings.memory_limit)))
        self.registry.register(self._gc)
        # The names every Prometheus dashboard knows, process_cpu_seconds_total and process_start_time_seconds first.
        ProcessCollector(registry=self.registry)
        self._build = self.gauge(names.BUILD_INFO, "What runs here; always 1.", ("version", "service"))
        self.set_version(self.settings.version)

    @property
    def version(self) -> str:
        """The version that runs."""
        return self._version

    def set_version(self, version: str) -> None:
        """Tell which version runs, when it is another one now."""
        self._version = version
        self._build.clear()
        self._build.labels(version=version, service=self.service).set(1)

    def init_app(self, app: Flask) -> None:
        """Join the app: /metrics, spans, measurements, access lines, headers. Call it before other hooks are added."""
        app.extensions["telemetry"] = self
        http.init_app(app, self)

    def instrument_httpx(self, client: "httpx.Client") -> None:
        """Trace the client's calls and pass the trace on with them."""
        if not self.settings.telemetry_off:
            tracing.instrument_httpx(client, self.tracer_provider)

    def instrument_engine(self, engine: "Engine") -> None:
        """Trace the engine's statements."""
        if not self.settings.telemetry_off:
            tracing.instrument_engine(engine, self.tracer_provider)

    # --- Metrics ----------------------------------------------------------------------------------------------------
    @property
    def registry(self) -> CollectorRegistry:
        """The app's own registry."""
        return self.metrics.registry

    def counter(self, name: str, doc: str, labels: Sequence[str] = (), initial: Iterable[Labels] = ()) -> Counter:
        """See `Metrics.counter`."""
        return self.metrics.counter(name, doc, labels, initial)

    def gauge(self, name: str, doc: str, labels: Sequence[str] = (), initial: Iterable[Labels] = ()) -> Gauge:
        """See `Metrics.gauge`."""
        return self.metrics.gauge(name, doc, labels, initial)

    def histogram(
        self, name: str, doc: str, labels: Sequence[str], buckets: Sequence[float], initial: Iterable[Labels] = ()
    ) -> Histogram:
        """See `Metrics.histogram`."""
        return self.metrics.histogram(name, doc, labels, buckets, initial)

    def guard(self, label_name: str, limit: int, known: Iterable[str] = ()) -> LabelGuard:
        """See `Metrics.guard`."""
        return self.metrics.guard(label_name, limit, known)

    def inc(self, counter: Counter, amount: float = 1, **labels: str) -> None:
        """Count, with the current trace as exemplar."""
        metrics.inc(counter, amount, labels)

    def observe(self, histogram: Histogram, value: float, **labels: str) -> None:
        """Observe, with the current trace as exemplar."""
        metrics.observe(histogram, value, labels)

    # --- Logs -------------------------------------------------------------------------------------------------------
    def log(self, kind: str, event: str, message: str, level: str = "info", logger: str = "", **fields: object) -> None:
        """Write one line. `kind` is one of names.KINDS; `level` debug, info, warning or error.

        Never give it the text of users: lengths and ids say enough.
        """
        self.log_for(
            context.current(),
            trace.get_current_span(),
            kind=kind,
            event=event,
            message=message,
            level=level,
            logger=logger,
            fields=fields,
        )

    def log_for(
        self,
        known: RequestContext | None,
        span: Span,
        *,
        kind: str,
        event: str,
        message: str,
        level: str,
        logger: str,
        fields: dict[str, object],
    ) -> None:
        """Write one line for a request and span that need not be the current ones."""
        number = _LEVELS[level]
        if not self._lines.writes(number, always=kind == "audit"):
            return
        name = logger or self.service
        line: dict[str, object] = {
            "timestamp": logs.timestamp(time.time()),
            "level": level,
            "logger": name,
            "event": event,
            "message": privacy.mask(message),
            "kind": kind,
            "service": self.service,
        }
        _add_trace(line, span)
        _add_request(line, known)
        for key, value in fields.items():
            if value is not None:
                line[key] = privacy.mask(value) if type(value) is str else value
        self._lines.write(number, name, line)

    def exception(
        self, message: str, exc: BaseException, event: str = "exception", logger: str = "", **fields: Any
    ) -> None:
        """Write a line of kind `error` with the exception's type, its masked text and stack, and mark the span."""
        error_type = type(exc).__qualname__
        stack = "".join(traceback.format_exception(exc))[-_MAX_STACK:]
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attribute("error.type", error_type)
            span.set_status(Status(StatusCode.ERROR, error_type))
            span.add_event("exception", {"exception.type": error_type, "exception.message": privacy.mask(str(exc))})
        fields = {"error_type": error_type, "error_message": str(exc), "stack": stack, **fields}
        self.log("error", event, message, level="error", logger=logger, **fields)

    def _library_line(self, record: logging.LogRecord) -> None:
        failed = record.levelno >= logging.ERROR
        fields: dict[str, object] = {}
        if record.exc_info and record.exc_info[1]:
            fields["error_type"] = type(record.exc_info[1]).__qualname__
            fields["stack"] = "".join(traceback.format_exception(record.exc_info[1]))[-_MAX_STACK:]
        self.log_for(
            context.current(),
            trace.get_current_span(),
            kind="error" if failed else "application",
            event="library",
            message=libraries.message(record),
            level="error" if failed else "warning",
            logger=record.name,
            fields=fields,
        )

    def set_log_level(self, level: str) -> None:
        """DEBUG, INFO, WARNING or ERROR. Raises ValueError for another word."""
        self._lines.set_level(level)

    # --- The request at hand ----------------------------------------------------------------------------------------
    def current_trace_id(self) -> str | None:
        """32 hexadecimal digits; None outside of a trace."""
        found = trace.get_current_span().get_span_context()
        return f"{found.trace_id:032x}" if found.is_valid else None

    def hash_user(self, user_id: str) -> str:
        """The name under which a user may appear in signals."""
        return privacy.hash_user(user_id)

    def bind(self, *, business_id: str | None = None, user_id: str | None = None) -> None:
        """Tell whom the request is about; its later log lines and its span carry it. `user_id` is hashed here."""
        known, span = context.current(), trace.get_current_span()
        if business_id:
            span.set_attribute("business_id", business_id)
            if known:
                known.business_id = business_id
        if user_id:
            hashed = privacy.hash_user(user_id)
            span.set_attribute("user_id", hashed)
            if known:
                known.user_id = hashed

    def shutdown(self) -> None:
        """Send the spans that wait and close the log file. A Collector that is away delays this 2 s at most."""
        libraries.detach(self._libraries)
        self._gc.close()
        if isinstance(self.tracer_provider, TracerProvider):
            self.tracer_provider.shutdown()
        self._lines.close()


def _add_trace(line: dict[str, object], span: Span) -> None:
    found = span.get_span_context()
    if found.is_valid:
        line["trace_id"] = f"{found.trace_id:032x}"
        line["span_id"] = f"{found.span_id:016x}"
        line["trace_flags"] = f"{found.trace_flags:02x}"


def _add_request(line: dict[str, object], known: RequestContext | None) -> None:
    if known is None:
        return
    line["request_id"] = known.request_id
    if known.business_id:
        line["business_id"] = known.business_id
    if known.user_id:
        line["user_id"] = known.user_id


def get_telemetry(app: Flask | None = None) -> Telemetry:
    """The telemetry of the app (default: the one that answers the request at hand).

    Raises:
        RuntimeError: outside of an app, or `init_app` was not called.
    """
    found = (app or current_app).extensions.get("telemetry")
    if not isinstance(found, Telemetry):
        raise RuntimeError("call Telemetry.init_app(app) first")
    return found


def log_event(kind: str, event: str, message: str, level: str = "info", logger: str = "", **fields: object) -> None:
    """`Telemetry.log` of the current app."""
    get_telemetry().log(kind, event, message, level, logger, **fields)
