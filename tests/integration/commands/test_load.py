"""The load of a real lab: the journey, the users of another process, and scenarios from Locust's page."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from lab.query import Lab, wait_for
from lab.scenarios.judge.bookings import settle
from lab.scenarios.run.load import Load
from tests.support.labs.running import RunningLab, started_lab

SCRAPED = 20.0  # some scrapes


@pytest.fixture(scope="module")
def journey_lab(engine: str) -> Iterator[RunningLab]:
    """A lab without baseline users, whose journey runs every 2 s."""
    fast = {"MODEL_FIRST_TOKEN_SECONDS": "0", "MODEL_TOKENS_PER_SECOND": "0"}
    yield from started_lab(engine, BASELINE_USERS="0", JOURNEY_SECONDS="2", **fast)


@pytest.fixture
def lab(journey_lab: RunningLab) -> Lab:
    return journey_lab.lab


def eventually(condition: Callable[[], bool], seconds: float = SCRAPED) -> None:
    assert wait_for(condition, seconds, every=0.25)


def runs(lab: Lab, outcome: str, step: str) -> float:
    return lab.prometheus.value(f'lab_journey_runs_total{{job="loadtest",outcome="{outcome}",step="{step}"}}')


def test_the_journey_goes_on_without_any_user_and_is_no_business(lab: Lab) -> None:
    eventually(lambda: runs(lab, "ok", "none") >= 3, 60)
    assert lab.prometheus.value("lab_journey_up") == 1
    assert 0 < lab.prometheus.value("lab_journey_duration_seconds_sum / lab_journey_duration_seconds_count") < 5
    assert lab.prometheus.value('sum(locust_users{job="loadtest"})') == 0
    requests = 'sum(ai_requests_total{business_id="lab-journey",route="/chat"})'
    eventually(lambda: lab.prometheus.value(requests) >= 6)
    assert lab.prometheus.value("sum(ai_appointments_total)") == 0
    assert lab.prometheus.value("sum(ai_conversations_total)") == 0


def test_a_failing_step_is_named_and_the_journey_recovers(lab: Lab) -> None:
    lab.model.fault_on("errors", 60)
    try:
        eventually(lambda: lab.prometheus.value("lab_journey_failures_in_a_row") >= 2)
        assert lab.prometheus.value("lab_journey_up") == 0
        assert runs(lab, "failed", "book") >= 2
        assert runs(lab, "failed", "read") == runs(lab, "failed", "cancel") == 0
    finally:
        lab.model.fault_off("errors")
    # The circuit breaker of the assistant needs some seconds to try again.
    eventually(lambda: lab.prometheus.value("lab_journey_up") == 1, 60)
    assert lab.prometheus.value("lab_journey_failures_in_a_row") == 0


def test_users_of_a_scenario_are_counted_and_their_bookings_kept(journey_lab: RunningLab, tmp_path: Path) -> None:
    lab, settings = journey_lab.lab, journey_lab.settings
    load = Load(settings.root, settings.url("assistant"), tmp_path / "run.log", page=settings.url("loadtest"))
    environment = {"LAB_SCENARIO": "steady", "LAB_SEED": "1", "LAB_USERS": "24"}
    load.start(environment, ["Customer", "Hesitant", "Impatient", "Owner"])
    try:
        for kind in ("Customer", "Hesitant", "Impatient", "Owner"):
            query = f'locust_users{{origin="scenario",user="{kind}"}}'
            eventually(lambda query=query: lab.prometheus.value(query) == 6, 40)
        confirmed = 'locust_bookings_total{origin="scenario",event="confirmed"}'
        eventually(lambda: lab.prometheus.value(confirmed) >= 20, 60)
        assert load.failure() is None
    finally:
        saw = load.stop()
    assert sum(row["failures"] for row in saw.values()) == 0
    assert len(saw) <= 12
    difference = settle(lab, load.ledger)
    assert difference is not None
    assert difference.none, difference
    assert difference.confirmed == difference.kept >= 20
    chats = 'sum(locust_requests_total{origin="scenario",name="chat"})'
    eventually(lambda: lab.prometheus.value(chats) == saw["chat"]["requests"])
    eventually(lambda: lab.prometheus.value('sum(locust_users{origin="scenario"})') == 0)


def test_locusts_page_offers_scenarios_and_runs_one_with_its_faults(journey_lab: RunningLab) -> None:
    lab, url = journey_lab.lab, journey_lab.url("loadtest")
    page = httpx.get(url, timeout=5).text
    assert "provider-outage" in page

    def swarm(scenario: str, users: int) -> dict[str, object]:
        form = {"user_count": str(users), "spawn_rate": "5", "scenario": scenario, "seed": "1"}
        return dict(httpx.post(f"{url}/swarm", data=form, timeout=10).json())

    refused = swarm("provider-outtage", 0)
    assert refused["success"] is False
    assert swarm("provider-outage", 3)["success"] is True
    users = 'locust_users{origin="baseline",user="BaselineUser"}'
    eventually(lambda: [fault.fault for fault in lab.model.faults()] == ["errors"])
    eventually(lambda: lab.prometheus.value(users) == 3)
    # Another choice takes the fault back; users of another kind come next to the baseline ones.
    assert swarm("black-friday", 2)["success"] is True
    eventually(lambda: lab.model.faults() == [])
    eventually(lambda: lab.prometheus.value('locust_users{origin="baseline",user="Customer"}') >= 2, 40)
    assert lab.prometheus.value(users) == 2
    assert swarm("none", 1)["success"] is True
    eventually(lambda: lab.prometheus.value('sum(locust_users{origin="baseline"})') == 1)


def test_a_black_friday_loses_no_booking(journey_lab: RunningLab, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = journey_lab.run(
        "scenario",
        "run",
        "black-friday",
        "--quick",
        "--duration",
        "25",
        "--report",
        str(report),
        timeout=200,
        check=False,
    )
    assert report.exists(), done.stderr
    content = json.loads(report.read_text())
    kept = next(row for row in content["expected"] if row["what"].startswith("bookings confirmed"))
    assert kept["ok"], done.stdout
    assert int(re.fullmatch(r"all (\d+) are kept.*", kept["observed"])[1]) > 30


def test_the_target_is_up_and_no_one_is_paged_for_it(lab: Lab) -> None:
    assert lab.prometheus.value('min_over_time(up{job="loadtest"}[1m])') == 1
    assert [alert for alert in lab.prometheus.alerts() if "loadtest" in alert.labels.values()] == []
