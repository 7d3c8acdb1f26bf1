"""A run observes alerts for a while after its last fault: a late alert of that fault belongs to the run."""

import io
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console

from lab.scenarios.run.context import Options
from lab.scenarios.run.runner import execute
from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario
from tests.support.labs.stub_lab import StubLab
from tests.support.servers.stub_server import serving


class Short(Scenario):
    name = "short"
    summary = "It breaks for a moment."
    faults = (Fault("model", "errors", at=0.1, duration=1),)
    effects = (Effect("it is seen", "effect", within=3),)
    forbidden_alerts = (ANY,)
    duration = 0.5
    quick_duration = 0.5
    needs = ("assistant", "model", "prometheus", "pager")


class Lasting(Short):
    cooldown_seconds = 2


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[StubLab]:
    with serving() as server:
        yield StubLab(server, tmp_path)


@pytest.mark.parametrize(("scenario", "least", "most"), [(Lasting, 2.0, 6.0), (Short, 0.0, 1.5)])
def test_the_run_ends_so_long_after_its_last_fault(
    lab: StubLab, scenario: type[Scenario], least: float, most: float
) -> None:
    report = lab.settings.home / "report.json"

    execute(scenario, Options(quick=True, report=report), lab.settings, Console(file=io.StringIO()))

    timeline = json.loads(report.read_text())["timeline"]
    off = next(datetime.fromisoformat(event["at"]) for event in timeline if event["event"] == "fault off")
    assert least <= time.time() - off.timestamp() <= most
