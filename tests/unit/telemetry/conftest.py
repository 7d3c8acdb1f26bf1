"""One app with telemetry whose lines go to a folder of the test and whose spans stay in memory."""

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
def root_logger_of_its_own() -> Iterator[None]:
    """Takes the root logger from apps of other tests, and gives it back: the first app of a process has it."""
    root = logging.getLogger()
    others = [handler for handler in root.handlers if isinstance(handler, LibraryHandler)]
    for handler in others:
        root.removeHandler(handler)
    yield
    for handler in others:
        root.addHandler(handler)


@dataclass
class Seen:
    """An app and what it was seen to do."""

    app: Flask
    telemetry: Telemetry
    log_file: Path
    exporter: InMemorySpanExporter

    def lines(self, kind: str | None = None) -> list[dict[str, Any]]:
        if not self.log_file.exists():
            return []
        # NaN is Python's own; the Collector would refuse the line.
        found = [json.loads(line, parse_constant=pytest.fail) for line in self.log_file.read_text().splitlines()]
        return [line for line in found if kind in (None, line["kind"])]

    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def sample(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, labels)

    def scrape(self, accept: str = "application/openmetrics-text; version=1.0.0") -> str:
        return self.app.test_client().get("/metrics", headers={"Accept": accept}).text


MakeApp = Callable[..., Seen]


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    made: list[Seen] = []

    def make(service: str = "example", sampler: Sampler | None = None, **settings: Any) -> Seen:
        exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        given = {"otel_service_name": service, "log_dir": tmp_path / "logs", "log_stdout": False, **settings}
        telemetry = Telemetry.from_settings(TelemetrySettings(**given), tracer_provider=provider)
        app = Flask(service)
        telemetry.init_app(app)
        seen = Seen(app, telemetry, Path(given["log_dir"]) / f"{service}.log", exporter)
        made.append(seen)
        return seen

    yield make
    for seen in made:
        seen.telemetry.shutdown()


@pytest.fixture
def seen(make_app: MakeApp) -> Seen:
    return make_app()
