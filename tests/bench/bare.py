"""The assistant without metrics, logs and traces: what instrumentation is compared with.

Loaded by gunicorn: `tests.bench.bare:app`.
"""

from typing import Any

from flask import Flask
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracer

from services.assistant.app import create_app
from services.assistant.settings import AssistantSettings
from services.telemetry import Telemetry, TelemetrySettings


class BareTelemetry(Telemetry):
    """Takes every call and does nothing."""

    def __init__(self) -> None:
        super().__init__(TelemetrySettings(log_stdout=False, log_dir=None), TracerProvider())
        self.tracer = NoOpTracer()

    def init_app(self, app: Flask) -> None:
        """Join the app without a hook."""
        app.extensions["telemetry"] = self

    def instrument_httpx(self, client: Any) -> None:
        """Leave the client as it is."""

    def instrument_engine(self, engine: Any) -> None:
        """Leave the engine as it is."""

    def inc(self, counter: Any, amount: float = 1, **labels: str) -> None:
        """Count nothing."""

    def observe(self, histogram: Any, value: float, **labels: str) -> None:
        """Measure nothing."""

    def log(self, *arguments: Any, **fields: Any) -> None:
        """Write nothing."""

    def bind(self, **values: Any) -> None:
        """Remember nothing."""


app = create_app(AssistantSettings(), BareTelemetry())
