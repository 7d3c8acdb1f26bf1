"""The faults of scrapes: a slow metrics page, and a second series of the quota that a rule divides by."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.support.alerting.rules import RULES
from tests.support.labs.programs import program

# As Prometheus and the lab command ask for it.
OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5"}
PLAIN = {"Accept": "text/plain"}


def seconds(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_scrape_takes_longer_and_nothing_else_does(service) -> None:
    service.on("slow-scrapes", parameters={"seconds": 0.7})

    assert seconds(lambda: service.client.get("/metrics", headers=OPEN_METRICS)) >= 0.7
    assert seconds(lambda: service.client.get("/metrics", headers=PLAIN)) < 0.6
    assert seconds(lambda: service.client.get("/health", headers=OPEN_METRICS)) < 0.6
    assert service.sample("lab_fault_hits_total", fault="slow-scrapes") == 1

    service.off("slow-scrapes")

    assert seconds(lambda: service.client.get("/metrics", headers=OPEN_METRICS)) < 0.6


def test_the_page_of_a_slow_scrape_is_whole(service) -> None:
    service.on("slow-scrapes", parameters={"seconds": 0.1})

    answer = service.client.get("/metrics", headers=OPEN_METRICS)

    assert answer.status_code == 200
    assert answer.text.endswith("# EOF\n")


def test_the_quota_has_two_series_until_the_fault_ends(service) -> None:
    quota = service.sample("lab_disk_limit_bytes", path="data")

    service.on("conflicting-series")

    eventually(lambda: service.sample("lab_disk_limit_bytes", path="data-copy") == quota)
    assert service.sample("lab_disk_free_bytes", path="data-copy") is None

    service.off("conflicting-series")

    eventually(lambda: service.sample("lab_disk_limit_bytes", path="data-copy") is None)
    assert service.sample("lab_disk_limit_bytes", path="data") == quota


def test_prometheus_cannot_evaluate_the_rule_with_two_series(tmp_path: Path) -> None:
    def evaluate(paths: list[str]) -> str:
        free = 'lab_disk_free_bytes{job="assistant",instance="a:1",path="data"}'
        limits = [f'lab_disk_limit_bytes{{job="assistant",instance="a:1",path="{path}"}}' for path in paths]
        series = [{"series": free, "values": "50x20"}, *({"series": limit, "values": "1000x20"} for limit in limits)]
        firing = 'ALERTS{alertname="DiskFilling",alertstate="firing"}'
        check = {"eval_time": "1m", "expr": f"count({firing})", "exp_samples": [{"labels": "{}", "value": 1}]}
        case = {"interval": "5s", "input_series": series, "promql_expr_test": [check]}
        content = {"rule_files": [str(RULES / "services.yml")], "evaluation_interval": "5s", "tests": [case]}
        file = tmp_path / "conflict.yml"
        file.write_text(yaml.safe_dump(content))
        command = [program("promtool"), "test", "rules", file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert "SUCCESS" in evaluate(["data"])
    assert "many-to-many matching not allowed" in evaluate(["data", "data-copy"])
