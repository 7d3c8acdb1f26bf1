"""What a scenario waits to be rid of is seen while it is there, and not when it is not: asked of Prometheus itself."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadtest.scenarios.preconditions import NO_RECENT_ERRORS, NO_RECENT_RESTART, TRAFFIC_AT_BASELINE, Precondition
from tests.support.labs.programs import program

USERS = 'locust_users{origin="baseline",user="BaselineUser",job="loadtest"}'
OK = 'ai_requests_total{job="assistant",outcome="ok"}'
FAILED = 'ai_requests_total{job="assistant",outcome="error"}'
UP = 'up{job="assistant"}'

# What Prometheus scraped every 5 s for two minutes, and whether a scenario would wait then.
CASES: list[tuple[str, Precondition, dict[str, str], bool]] = [
    ("four users alone", TRAFFIC_AT_BASELINE, {USERS: "4x24", OK: "0+10x24"}, False),
    ("a crowd", TRAFFIC_AT_BASELINE, {USERS: "4x24", OK: "0+30x24"}, True),
    ("a crowd that left 40 s ago", TRAFFIC_AT_BASELINE, {USERS: "4x24", OK: "0+100x16 1600+10x8"}, True),
    ("a crowd that left a minute ago", TRAFFIC_AT_BASELINE, {USERS: "4x24", OK: "0+100x11 1100+10x13"}, False),
    ("a crowd where no one is always on", TRAFFIC_AT_BASELINE, {USERS: "0x24", OK: "0+30x24"}, False),
    ("a crowd without any load generator", TRAFFIC_AT_BASELINE, {OK: "0+30x24"}, False),
    ("no failure", NO_RECENT_ERRORS, {OK: "0+10x24", FAILED: "7x24"}, False),
    ("failures", NO_RECENT_ERRORS, {OK: "0+10x24", FAILED: "0x16 3x8"}, True),
    ("failures of a minute ago", NO_RECENT_ERRORS, {OK: "0+10x24", FAILED: "0x11 3x13"}, False),
    ("an assistant that runs", NO_RECENT_RESTART, {UP: "1x24"}, False),
    ("a start half a minute ago", NO_RECENT_RESTART, {UP: "1x10 0x6 1x7"}, True),
    ("a lab that has just begun", NO_RECENT_RESTART, {UP: "_x18 1x6"}, True),
]


@pytest.mark.parametrize(("steady", "series", "waits"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_waits(tmp_path: Path, steady: Precondition, series: dict[str, str], waits: bool) -> None:
    value: dict[str, Any] = {"expr": f"count(({steady.query}) > 0) or vector(0)", "eval_time": "2m"}
    case = {
        "interval": "5s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{**value, "exp_samples": [{"labels": "{}", "value": int(waits)}]}],
    }
    file = tmp_path / "steady.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "5s", "tests": [case]}))
    done = subprocess.run(
        [str(program("promtool")), "test", "rules", str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
