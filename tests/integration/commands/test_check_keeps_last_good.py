"""Edits on a lab that runs: a broken one changes nothing, on any path; `lab reload` applies good ones."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.labs.checkout import change, copy_of_checkout
from tests.support.labs.programs import program
from tests.support.labs.running import RunningLab
from tests.support.servers.processes import until

# Prometheus and Loki's ruler look every 5 s; twice that, and some for a busy machine.
SEEN_SECONDS = 30
BROKEN_RULES = "groups:\n  - name: broken\n    rules:\n      - record: a:b:c\n        expr: ratee(up[1m])\n"


class EditedLab:
    """A lab that was started from a copy of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.root = copy_of_checkout(folder)
        self.running = RunningLab(root=self.root, BASELINE_USERS="0", JOURNEY_SECONDS="0")

    def get(self, service: str, path: str) -> httpx.Response:
        """Ask a server."""
        return httpx.get(self.running.url(service) + path, timeout=10).raise_for_status()

    def derived(self, service: str) -> Path:
        """The folder that the server reads: what a mounted folder is to a container."""
        return self.running.settings.native / "config" / service / "etc" / service

    def rules(self, service: str) -> dict[str, str]:
        """Expressions by name, as Prometheus or Loki's ruler evaluates them."""
        path = "/api/v1/rules" if service == "prometheus" else "/prometheus/api/v1/rules"
        groups = self.get(service, path).json()["data"]["groups"]
        return {rule["name"]: rule["query"] for group in groups for rule in group["rules"]}

    def route(self) -> str:
        """Alertmanager's configuration as it works with it."""
        text: str = self.get("alertmanager", "/api/v2/status").json()["config"]["original"]
        return text

    def number(self, service: str, metric: str) -> float:
        """Sum of a metric's samples."""
        lines = self.get(service, "/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(metric))

    def evaluations(self) -> dict[str, Any]:
        """When Prometheus evaluated each group last."""
        groups = self.get("prometheus", "/api/v1/rules").json()["data"]["groups"]
        return {group["name"]: group["lastEvaluation"] for group in groups}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EditedLab]:
    """A lab without traffic."""
    for name in ("prometheus", "alertmanager", "loki"):
        program(name)
    edited = EditedLab(tmp_path_factory.mktemp("edited"))
    try:
        edited.running.start()
        until("Loki's ruler has its rules", lambda: "AuthFailures" in edited.rules("loki"), SEEN_SECONDS)
        yield edited
    finally:
        edited.running.stop()


@pytest.fixture
def restored(lab: EditedLab) -> Iterator[Callable[[Path], Path]]:
    """Files that are put back after a test."""
    before: dict[Path, bytes | None] = {}

    def remember(file: Path) -> Path:
        before[file] = file.read_bytes() if file.exists() else None
        return file

    yield remember
    for file, content in before.items():
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)


def test_prometheus_keeps_its_rules_when_a_file_breaks(lab: EditedLab, restored: Callable[[Path], Path]) -> None:
    before, metric = lab.rules("prometheus"), "prometheus_config_last_reload_successful "
    assert len(before) > 5
    restored(lab.derived("prometheus") / "rules" / "broken.yml").write_text(BROKEN_RULES)
    until("Prometheus has refused it", lambda: lab.number("prometheus", metric) == 0, SEEN_SECONDS)
    assert lab.rules("prometheus") == before
    evaluated = lab.evaluations()
    until("the rules go on", lambda: lab.evaluations()["services"] > evaluated["services"], SEEN_SECONDS)


def test_a_reload_ends_the_complaint_about_a_file_that_is_whole_again(lab: EditedLab) -> None:
    """Prometheus by itself does not: the files are those of its last good reload, so it looks no further."""
    metric = "prometheus_config_last_reload_successful "
    lab.running.run("reload")
    assert lab.number("prometheus", metric) == 1


def test_alertmanager_keeps_its_routes_when_the_file_breaks(lab: EditedLab, restored: Callable[[Path], Path]) -> None:
    before = lab.route()
    change(restored(lab.derived("alertmanager") / "alertmanager.yml"), "receiver: heartbeat", "receiver: missing")
    answer = httpx.post(f"{lab.running.url('alertmanager')}/-/reload", timeout=10)
    assert (answer.status_code, 'undefined receiver "missing"' in answer.text) == (500, True)
    assert lab.number("alertmanager", "alertmanager_config_last_reload_successful ") == 0
    assert lab.route() == before
    assert "heartbeat" in before


def test_lokis_ruler_keeps_its_rules_when_a_file_breaks(lab: EditedLab, restored: Callable[[Path], Path]) -> None:
    before, metric = lab.rules("loki"), "loki_ruler_sync_rules_total{"
    assert set(before) == {"AuthFailures", "NewErrorKind"}
    change(restored(lab.derived("loki") / "rules" / "fake" / "logs.yml"), "count_over_time(", "ratee(")
    looked = lab.number("loki", metric)
    until("the ruler has looked twice", lambda: lab.number("loki", metric) >= looked + 2, SEEN_SECONDS)
    assert lab.rules("loki") == before


def test_a_broken_edit_is_refused_before_any_server_sees_it(lab: EditedLab, restored: Callable[[Path], Path]) -> None:
    lab.running.run("reload")
    rules, routes, log_rules = lab.rules("prometheus"), lab.route(), lab.rules("loki")
    copies = {file: file.read_bytes() for file in lab.derived("prometheus").rglob("*.yml")}
    restored(lab.root / "prometheus" / "rules" / "broken.yml").write_text(BROKEN_RULES)
    line = change(restored(lab.root / "alertmanager" / "alertmanager.yml"), "receiver: heartbeat", "receiver: missing")
    # A good edit next to the broken ones waits with them.
    change(restored(lab.root / "loki" / "rules" / "fake" / "logs.yml"), ">= 10", ">= 11")

    for arguments in (["reload"], ["restart"], ["check"]):
        done = lab.running.run(*arguments, check=False)
        assert done.returncode == 1
        assert "prometheus/rules/broken.yml:5: " in done.stdout
        assert 'unknown function with name "ratee"' in done.stdout
        assert f'alertmanager/alertmanager.yml:{line}: undefined receiver "missing"' in done.stdout
        assert "Name one of the `receivers` of this file" in done.stdout
        assert "2 findings." in done.stderr

    assert {file: file.read_bytes() for file in lab.derived("prometheus").rglob("*.yml")} == copies
    assert (lab.rules("prometheus"), lab.route(), lab.rules("loki")) == (rules, routes, log_rules)


def test_a_restart_is_refused_for_faults_of_the_servers_it_is_about(
    lab: EditedLab, restored: Callable[[Path], Path]
) -> None:
    started = lab.number("prometheus", "process_start_time_seconds ")
    restored(lab.root / "prometheus" / "rules" / "broken.yml").write_text(BROKEN_RULES)

    refused = lab.running.run("restart", "prometheus", "model", check=False)

    assert refused.returncode == 1
    assert "prometheus/rules/broken.yml:5: " in refused.stdout
    assert "One finding. Nothing was restarted" in refused.stderr
    assert lab.number("prometheus", "process_start_time_seconds ") == started
    lab.running.run("restart", "alertmanager", "model")


def test_a_good_edit_is_taken_by_all_three(lab: EditedLab, restored: Callable[[Path], Path]) -> None:
    change(restored(lab.root / "prometheus" / "rules" / "services.yml"), "up < 1", "up <= 0")
    change(restored(lab.root / "alertmanager" / "alertmanager.yml"), "repeat_interval: 5m", "repeat_interval: 7m")
    change(restored(lab.root / "loki" / "rules" / "fake" / "logs.yml"), ">= 10", ">= 11")
    restored(lab.root / "tempo" / "tempo.yml").open("a").write("# edited\n")
    restored(lab.root / "collector" / "config.yaml").open("a").write("# edited\n")

    done = lab.running.run("reload")

    assert "up <= 0" in lab.rules("prometheus")["ServiceDown"]
    assert "repeat_interval: 7m" in lab.route()
    assert ">= 11" in lab.rules("loki")["AuthFailures"].replace("\n", " ")
    for server in ("prometheus", "alertmanager", "loki"):
        assert f"{server} runs the current configuration" in done.stdout
    assert "collector/config.yaml: read only at a start. `lab restart collector` applies the change." in done.stdout


def test_a_lab_that_does_not_run_is_checked_all_the_same(lab: EditedLab, tmp_path: Path) -> None:
    elsewhere = {**lab.running.environment, "LAB_HOME": str(tmp_path)}
    before, lab.running.environment = lab.running.environment, elsewhere
    try:
        done = lab.running.run("reload")
    finally:
        lab.running.environment = before
    assert "no findings" in done.stdout
    assert "The lab does not run" in done.stdout
