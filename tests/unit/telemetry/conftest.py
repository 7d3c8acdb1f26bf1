"""An app with telemetry that logs to a folder of the test and keeps its spans in memory."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler

from services.telemetry import Telemetry, TelemetrySettings
from services.telemetry.libraries import LibraryHandler


@pytest.fixture(autouse=True)
def own_root_logger() -> Iterator[None]:
    """Remove and restore the root handler of another test: only the first app of a process has one."""
    root = logging.getLogger()
    others = [handler for handler in root.handlers if isinstance(handler, LibraryHandler)]
    for handler in others:
        root.removeHandler(handler)
    yield
    for handler in others:
        root.addHandler(handler)


@dataclass
class Service:
    """An app and its telemetry."""

    app: Flask
    telemetry: Telemetry
    log_file: Path
    exporter: InMemorySpanExporter

    def lines(self, kind: str | None = None) -> list[dict[str, Any]]:
        if not self.log_file.exists():
            return []
        # NaN is not JSON; the Collector would refuse the line.
        lines = [json.loads(line, parse_constant=pytest.fail) for line in self.log_file.read_text().splitlines()]
        return [line for line in lines if kind in (None, line["kind"])]

    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def sample(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, labels)

    def scrape(self, accept: str = "application/openmetrics-text; version=1.0.0") -> str:
        return self.app.test_client().get("/metrics", headers={"Accept": accept}).text


MakeApp = Callable[..., Service]


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    services: list[Service] = []

    def make(name: str = "example", sampler: Sampler | None = None, **settings: Any) -> Service:
        exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        options = {"otel_service_name": name, "log_dir": tmp_path / "logs", "log_stdout": False, **settings}
        telemetry = Telemetry.from_settings(TelemetrySettings(**options), tracer_provider=provider)
        app = Flask(name)
        telemetry.init_app(app)
        service = Service(app, telemetry, Path(options["log_dir"]) / f"{name}.log", exporter)
        services.append(service)
        return service

    yield make
    for service in services:
        service.telemetry.shutdown()


@pytest.fixture
def service(make_app: MakeApp) -> Service:
    return make_app()
