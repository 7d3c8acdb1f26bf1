"""`Telemetry`: metrics, logs and traces of one app."""

import logging
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode
from prometheus_client import ProcessCollector

from services.telemetry import http, libraries, logs, metrics, names, privacy, runtime, tracing
from services.telemetry.context import current as current_request
from services.telemetry.metrics import Metrics
from services.telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Telemetry:
    """Metrics, logs and traces of one app. Create it with `from_settings`."""

    def __init__(self, settings: TelemetrySettings, tracer_provider: trace.TracerProvider) -> None:
        self.settings = settings
        self.service = settings.otel_service_name
        self.tracer_provider = tracer_provider
        self.tracer = tracer_provider.get_tracer("services", settings.version)
        self.metrics = Metrics()
        self.registry = self.metrics.registry
        self.counter, self.gauge, self.histogram = self.metrics.counter, self.metrics.gauge, self.metrics.histogram
        self.limit_cardinality = self.metrics.limit_cardinality
        self.inc, self.observe = metrics.inc, metrics.observe
        self._lost = self.metrics.counter(names.LOG_WRITE_ERRORS, "Log lines lost because they could not be written.")
        self._lines = logs.LineLogger(settings.log_level, self._handlers())
        self._libraries = libraries.attach(self._log_library_record)
        self._gc = runtime.GcPauses()
        self._register_runtime()

    @classmethod
    def from_settings(cls, settings: TelemetrySettings, tracer_provider: TracerProvider | None = None) -> "Telemetry":
        """Create the telemetry of one app.

        Args:
            settings: of the telemetry.
            tracer_provider: by default the process's own, which the first call sets up. Tests pass one in memory.
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
        # The usual names, as process_cpu_seconds_total and process_start_time_seconds.
        ProcessCollector(registry=self.registry)
        self._build = self.gauge(names.BUILD_INFO, "The running version; always 1.", ("version", "service"))
        self.set_version(self.settings.version)

    @property
    def version(self) -> str:
        """The running version."""
        return self._version

    def set_version(self, version: str) -> None:
        """Set the running version in BUILD_INFO."""
        self._version = version
        self._build.clear()
        self._build.labels(version=version, service=self.service).set(1)

    def init_app(self, app: Flask) -> None:
        """Add /metrics, spans, measurements, access lines and headers to the app, before its other hooks."""
        app.extensions["telemetry"] = self
        http.init_app(app, self)

    def instrument_httpx(self, client: "httpx.Client") -> None:
        """Create a client span for each call, and propagate the trace context in its headers."""
        if self.settings.telemetry_off:
            return
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: PLC0415

        HTTPXClientInstrumentor.instrument_client(
            client, tracer_provider=self.tracer_provider, meter_provider=tracing.NO_METERS
        )

    def instrument_engine(self, engine: "Engine") -> None:
        """Create a client span for each statement."""
        if self.settings.telemetry_off:
            return
        from services.telemetry.statements import StatementTracer  # noqa: PLC0415

        StatementTracer(engine, self.tracer_provider.get_tracer("opentelemetry.instrumentation.sqlalchemy"))

    def log(self, kind: str, event: str, message: str, level: str = "info", logger: str = "", **fields: object) -> None:
        """Write one log line about the current request.

        Args:
            kind: one of names.KINDS.
            event: a stable name to query by, as `http.request`.
            message: the fact; never text of users.
            level: debug, info, warning or error; lines of kind audit are written at every level.
            logger: by default the service's name.
            fields: further fields; None is omitted.
        """
        number = _LEVELS[level]
        if not self._lines.is_enabled(number, always=kind == "audit"):
            return
        line = logs.new_line(self.service, kind, event, message, level=level, logger=logger)
        _add_trace(line)
        _add_request(line)
        logs.add_fields(line, fields)
        self._lines.write(number, line)

    def exception(
        self, message: str, exc: BaseException, event: str = "exception", logger: str = "", **fields: Any
    ) -> None:
        """Log an exception (kind `error`: type, masked text, stack) and set the span's status to error."""
        error_type = type(exc).__qualname__
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attribute("error.type", error_type)
            span.set_status(Status(StatusCode.ERROR, error_type))
            span.add_event("exception", {"exception.type": error_type, "exception.message": privacy.mask(str(exc))})
        self.log("error", event, message, level="error", logger=logger, **{**logs.exception_fields(exc), **fields})

    def _log_library_record(self, record: logging.LogRecord) -> None:
        failed = record.levelno >= logging.ERROR
        fields: dict[str, Any] = {}
        if record.exc_info and record.exc_info[1]:
            fields = logs.exception_fields(record.exc_info[1])
        kind, level = ("error", "error") if failed else ("application", "warning")
        self.log(kind, "library", libraries.message(record), level=level, logger=record.name, **fields)

    def set_log_level(self, level: str) -> None:
        """Set the log level: DEBUG, INFO, WARNING or ERROR.

        Raises:
            ValueError: another level.
        """
        self._lines.set_level(level)

    def current_trace_id(self) -> str | None:
        """Return the trace id in 32 hexadecimal digits; None outside of a trace."""
        span = trace.get_current_span().get_span_context()
        return trace.format_trace_id(span.trace_id) if span.is_valid else None

    def bind(self, *, business_id: str | None = None, user_id: str | None = None, outcome: str | None = None) -> None:
        """Add business and user to the span and to later log lines of the request.

        Args:
            business_id: as in the path or body.
            user_id: is hashed here.
            outcome: ok or fallback; only the request metrics use it.
        """
        context, span = current_request(), trace.get_current_span()
        if business_id:
            span.set_attribute("business_id", business_id)
            if context:
                context.business_id = business_id
        if user_id:
            hashed = privacy.hash_user(user_id)
            span.set_attribute("user_id", hashed)
            if context:
                context.user_id = hashed
        if outcome and context:
            context.outcome = outcome

    def shutdown(self) -> None:
        """Send buffered spans and close the log file; takes 2 s at most when the Collector is unreachable."""
        libraries.detach(self._libraries)
        self._gc.close()
        if isinstance(self.tracer_provider, TracerProvider):
            self.tracer_provider.shutdown()
        self._lines.close()


def _add_trace(line: dict[str, object]) -> None:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = trace.format_trace_id(context.trace_id)
        line["span_id"] = trace.format_span_id(context.span_id)
        line["trace_flags"] = f"{context.trace_flags:02x}"


def _add_request(line: dict[str, object]) -> None:
    context = current_request()
    if context is None:
        return
    line["request_id"] = context.request_id
    if context.business_id:
        line["business_id"] = context.business_id
    if context.user_id:
        line["user_id"] = context.user_id


def get_telemetry(app: Flask | None = None) -> Telemetry:
    """Return the telemetry of the app (default: the current app).

    Raises:
        RuntimeError: outside of an app, or `init_app` was not called.
    """
    telemetry = (app or current_app).extensions.get("telemetry")
    if not isinstance(telemetry, Telemetry):
        raise RuntimeError("call Telemetry.init_app(app) first")
    return telemetry
