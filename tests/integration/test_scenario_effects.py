"""Scenarios have the effects that they declare: two that stand for a kind each; `make prove` drills them all."""

import json
from pathlib import Path

import pytest

from lab.query import wait_for
from tests.support.running import RunningLab


@pytest.mark.parametrize("name", ["intruder", "memory-leak"])
def test_what_it_declares_comes_and_nothing_stays(running_lab: RunningLab, tmp_path: Path, name: str) -> None:
    report = tmp_path / "report.json"

    done = running_lab.run("scenario", "run", name, "--quick", "--report", str(report), timeout=300, check=False)

    told = json.loads(report.read_text())
    assert (done.returncode, told["outcome"]) == (0, "passed"), done.stdout + done.stderr
    assert all(row["ok"] for row in told["expected"])
    assert running_lab.lab.assistant.faults() == []
    asked = 'max(process_memory_usage_bytes{job="assistant"} / process_memory_limit_bytes{job="assistant"})'
    assert wait_for(lambda: running_lab.lab.prometheus.value(asked) < 0.8, 30, every=1)


def test_the_intruder_is_answered_without_a_hint_and_leaves_a_trail(running_lab: RunningLab, tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    running_lab.run("scenario", "run", "intruder", "--quick", "--users", "2", "--report", str(report), timeout=300)

    tries = json.loads(report.read_text())["requests"]["admin: wrong token"]
    assert tries["requests"] > 10
    assert tries["failures"] == 0, "each was refused with 401"
    lines = running_lab.lab.loki.query('{service_name="assistant", kind="audit"} | event="admin.refused"')
    assert len(lines) > 10
    assert {line.metadata["action"] for line in lines} == {"faults.list", "faults.off", "log-level"}
