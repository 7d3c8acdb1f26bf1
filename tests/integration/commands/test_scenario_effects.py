"""Scenarios have the effects that they declare: one scenario of each kind; `make prove` drills them all."""

import json
from pathlib import Path
from typing import Any

from lab.query import wait_for
from tests.support.labs.running import RunningLab


def run(lab: RunningLab, folder: Path, *arguments: str) -> dict[str, Any]:
    """The report of a scenario that passes."""
    report = folder / "report.json"
    done = lab.run("scenario", "run", *arguments, "--quick", "--report", str(report), timeout=300, check=False)
    content: dict[str, Any] = json.loads(report.read_text())
    assert (done.returncode, content["outcome"]) == (0, "passed"), done.stdout + done.stderr
    assert all(row["ok"] for row in content["expected"])
    return content


def test_a_leak_does_what_it_declares_and_nothing_stays(running_lab: RunningLab, tmp_path: Path) -> None:
    run(running_lab, tmp_path, "memory-leak")
    assert running_lab.lab.assistant.faults() == []
    asked = 'max(process_memory_usage_bytes{job="assistant"} / process_memory_limit_bytes{job="assistant"})'
    assert wait_for(lambda: running_lab.lab.prometheus.value(asked) < 0.8, 30, every=1)


def test_the_intruder_is_answered_without_a_hint_and_leaves_a_trail(running_lab: RunningLab, tmp_path: Path) -> None:
    content = run(running_lab, tmp_path, "intruder", "--users", "2")
    tries = content["requests"]["admin: wrong token"]
    assert tries["requests"] > 10
    assert tries["failures"] == 0, "each was refused with 401"
    lines = running_lab.lab.loki.query('{service_name="assistant", kind="audit"} | event="admin.refused"')
    assert len(lines) > 10
    assert {line.metadata["action"] for line in lines} == {"faults.list", "faults.off", "log-level"}
