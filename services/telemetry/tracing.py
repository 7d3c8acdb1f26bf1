"""Traces: the SDK as `opentelemetry-distro` sets it up, and the instrumentations of Flask, httpx and SQLAlchemy.

The provider is the one thing that is global, because instrumentations of libraries look for it there. Exporting
happens on a thread of its own; a Collector that is away costs requests nothing, and a stop at most `STOP_SECONDS`.
"""

import os
import platform
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from services.telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    import httpx
    from flask import Flask
    from sqlalchemy import Engine

STOP_SECONDS = 2.0

# Flask's instrumentation searches these in the whole address. Probes and scrapes would fill the trace store.
EXCLUDED_PATHS = ("/health", "/health/detailed", "/ready", "/metrics", "/favicon.ico")
_EXCLUDED_URLS = ",".join([*(rf"^https?://[^/]*{path}(\?|$)" for path in EXCLUDED_PATHS), r"^https?://[^/]*/static/"])

# Metrics are Prometheus' job here; the instrumentations' own would cost each request and go nowhere.
_NO_METERS = NoOpMeterProvider()


class BoundedBatchSpanProcessor(BatchSpanProcessor):
    """Sends batches as usual, but gives up after `STOP_SECONDS` at the end instead of after 30 s."""

    def shutdown(self) -> None:
        """Send what waits, within the time."""
        self._batch_processor.shutdown(timeout_millis=int(STOP_SECONDS * 1000))


def provider(settings: TelemetrySettings) -> TracerProvider:
    """The process's tracer provider; set up with the distribution's own configurator at the first call.

    What the environment says (sampler, exporter, time-outs) holds; the defaults here are only those that the lab needs.
    """
    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        return present
    # Imported late: the exporter's modules cost a third of a second, and tests with a provider of their own need none.
    from opentelemetry.distro import OpenTelemetryConfigurator, OpenTelemetryDistro  # noqa: PLC0415

    exporter = "otlp" if settings.otel_exporter_otlp_endpoint else "none"
    defaults = {
        "OTEL_TRACES_EXPORTER": exporter,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
        "OTEL_SERVICE_NAME": settings.otel_service_name,
    }
    _stable_names()
    with _environment_defaults(defaults):
        OpenTelemetryDistro().configure()
        configurator: Any = OpenTelemetryConfigurator
        configurator().configure(
            resource_attributes=_resource(settings), export_span_processor=BoundedBatchSpanProcessor
        )
    made = trace.get_tracer_provider()
    if not isinstance(made, TracerProvider):
        raise RuntimeError("OpenTelemetry was switched off: unset OTEL_SDK_DISABLED")
    return made


@contextmanager
def _environment_defaults(defaults: Mapping[str, str]) -> Iterator[None]:
    """The environment as the SDK reads it at its set-up; afterwards as it was, for the processes that we start."""
    before = dict(os.environ)
    try:
        for name, value in defaults.items():
            os.environ.setdefault(name, value)
        yield
    finally:
        # The distribution sets some of its own, too.
        for name in set(os.environ) - set(before):
            if name.startswith("OTEL_"):
                del os.environ[name]


def _stable_names() -> None:
    # The stable names of the semantic conventions (http.route, db.query.text) in the place of the old default ones.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")


def _resource(settings: TelemetrySettings) -> dict[str, Any]:
    """Attributes of the process; those of the environment (OTEL_RESOURCE_ATTRIBUTES) are added by the SDK."""
    return {
        "service.name": settings.otel_service_name,
        "service.instance.id": str(uuid.uuid4()),
        **settings.resource_attributes(),
        "process.pid": os.getpid(),
        "process.executable.name": os.path.basename(sys.executable),  # noqa: PTH119 - a name, not a path
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": platform.python_version(),
    }


def instrument_flask(app: "Flask", tracer_provider: trace.TracerProvider) -> None:
    """A server span for each request that is not a probe."""
    from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: PLC0415

    _stable_names()
    instrumentor: Any = FlaskInstrumentor  # its functions have no types
    instrumentor.instrument_app(
        app,
        tracer_provider=tracer_provider,
        meter_provider=_NO_METERS,
        excluded_urls=_EXCLUDED_URLS,
        enable_commenter=False,
    )


def instrument_httpx(client: "httpx.Client", tracer_provider: trace.TracerProvider) -> None:
    """A client span for each call, and the trace's context in its headers."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: PLC0415

    _stable_names()
    HTTPXClientInstrumentor.instrument_client(client, tracer_provider=tracer_provider, meter_provider=_NO_METERS)


def instrument_engine(engine: "Engine", tracer_provider: trace.TracerProvider) -> None:
    """A client span for each statement."""
    from services.telemetry.statements import StatementTracer  # noqa: PLC0415

    _stable_names()
    StatementTracer(engine, tracer_provider.get_tracer("opentelemetry.instrumentation.sqlalchemy"))
