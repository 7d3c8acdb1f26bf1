"""Traces: the SDK as `opentelemetry-distro` configures it, and the instrumentation of Flask.

Only the provider is global, because instrumentations look it up there. A thread of its own exports: an unreachable
Collector does not slow requests, and delays a stop by at most `STOP_SECONDS`.
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

from services.telemetry import names
from services.telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    from flask import Flask

STOP_SECONDS = 2.0

# Flask's instrumentation searches these patterns in the whole URL.
_EXCLUDED_URLS = ",".join(
    [*(rf"^https?://[^/]*{path}(\?|$)" for path in names.PROBE_PATHS), r"^https?://[^/]*/static/"]
)

# https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/: http.route, db.query.text.
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")

# Prometheus scrapes our metrics; those of the instrumentations would cost CPU and be exported nowhere.
NO_METERS = NoOpMeterProvider()


class BoundedBatchSpanProcessor(BatchSpanProcessor):
    """A batch processor whose shutdown takes at most `STOP_SECONDS` instead of 30 s."""

    def shutdown(self) -> None:
        """Send buffered spans."""
        self._batch_processor.shutdown(timeout_millis=int(STOP_SECONDS * 1000))


def provider(settings: TelemetrySettings) -> TracerProvider:
    """Return the process's tracer provider; the first call configures it with the distribution's configurator.

    Environment variables (sampler, exporter, time-outs) override the defaults here.

    Raises:
        RuntimeError: OTEL_SDK_DISABLED is set.
    """
    current = trace.get_tracer_provider()
    if isinstance(current, TracerProvider):
        return current
    # Imported late: the exporter's modules take a third of a second, and tests with their own provider need none.
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
    with _environment_defaults(defaults):
        OpenTelemetryDistro().configure()
        configurator: Any = OpenTelemetryConfigurator
        configurator().configure(
            resource_attributes=_resource(settings), export_span_processor=BoundedBatchSpanProcessor
        )
    configured = trace.get_tracer_provider()
    if not isinstance(configured, TracerProvider):
        raise RuntimeError("OpenTelemetry is disabled: unset OTEL_SDK_DISABLED")
    return configured


@contextmanager
def _environment_defaults(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set variables while the SDK is configured; child processes do not inherit them."""
    before = dict(os.environ)
    try:
        for name, value in defaults.items():
            os.environ.setdefault(name, value)
        yield
    finally:
        # The distribution sets further ones.
        for name in set(os.environ) - set(before):
            if name.startswith("OTEL_"):
                del os.environ[name]


def _resource(settings: TelemetrySettings) -> dict[str, Any]:
    """Return the attributes of the process."""
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
    """Create a server span for each request that is not a probe."""
    from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: PLC0415

    instrumentor: Any = FlaskInstrumentor  # its functions have no types
    instrumentor.instrument_app(
        app,
        tracer_provider=tracer_provider,
        meter_provider=NO_METERS,
        excluded_urls=_EXCLUDED_URLS,
        enable_commenter=False,
    )
