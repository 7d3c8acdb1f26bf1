"""promtool's linter accepts the metrics of each of our services."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry, generate_latest

from loadtest.stats.load_stats import LoadStats
from loadtest.stats.metrics import JourneyMetrics, LoadMetrics
from services.assistant.app import create_app as create_assistant
from services.assistant.prediction import no_show
from services.assistant.settings import AssistantSettings
from services.model.app import create_app as create_model
from services.model.settings import ModelSettings
from services.telemetry import Telemetry, TelemetrySettings
from tests.support.alerting.pager import Pager
from tests.support.labs.programs import program


def telemetry(name: str) -> Telemetry:
    settings = TelemetrySettings(otel_service_name=name, log_stdout=False)
    return Telemetry.from_settings(settings, TracerProvider(shutdown_on_exit=False))


def assistant(folder: Path) -> bytes:
    no_show.save(no_show.train(), folder)
    settings = AssistantSettings(database_url=f"sqlite:///{folder}/assistant.db", data_dir=folder)
    app = create_assistant(settings, telemetry("assistant"))
    try:
        return app.test_client().get("/metrics").data
    finally:
        app.extensions["assistant"].close()


def model(_: Path) -> bytes:
    return create_model(ModelSettings(), telemetry("model")).test_client().get("/metrics").data


def pager(folder: Path) -> bytes:
    return Pager(folder, folder).client.get("/metrics").data


def loadtest(_: Path) -> bytes:
    registry, stats = CollectorRegistry(), LoadStats(users={"Customer": 1})
    stats.request("chat", "POST", 0.3, ok=True)
    registry.register(LoadMetrics(lambda: stats))
    JourneyMetrics(registry).record(None, 1.0)
    return generate_latest(registry)


def complaints(text: bytes) -> str:
    command = [program("promtool"), "check", "metrics", "--lint=all"]
    done = subprocess.run(command, input=text, capture_output=True, check=False)
    assert bool(done.returncode) == bool(done.stderr)
    return done.stderr.decode()


@pytest.mark.parametrize("scrape", [assistant, model, pager, loadtest], ids=lambda scrape: scrape.__name__)
def test_promtool_has_nothing_to_say_about_the_metrics(scrape: Callable[[Path], bytes], tmp_path: Path) -> None:
    text = scrape(tmp_path)
    assert text.count(b"# TYPE") > 4

    assert complaints(text) == ""


def test_promtool_finds_a_name_that_it_refuses() -> None:
    text = b"# HELP a_count A.\n# TYPE a_count gauge\na_count 1\n"

    assert complaints(text).startswith("a_count ")
