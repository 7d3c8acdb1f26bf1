"""Nothing is lost or doubled when a server is killed or requests arrive at once."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

from lab.engines.native.supervisor import Supervisor
from lab.query import wait_for
from tests.support.labs.running import RunningLab
from tests.support.servers.customers import Customer, free_slot, some_business


def test_a_collector_that_is_killed_under_load_loses_no_log_line(quiet_lab: RunningLab) -> None:
    url = quiet_lab.url("assistant")
    supervisor = Supervisor(quiet_lab.settings.native)
    began = time.time()
    trace_ids: list[str] = []
    stop = threading.Event()

    def load() -> None:
        customer = Customer(url)
        while not stop.is_set():
            answer = customer.client.post("/track", json={"business_id": "lab-doctor", "event": "login"})
            assert answer.status_code == 202, answer.text
            trace_ids.append(answer.headers["X-Trace-Id"])

    workers = [threading.Thread(target=load) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(3):
            sent = len(trace_ids)
            assert wait_for(lambda sent=sent: len(trace_ids) > sent + 50, 20), "the load must go on"
            pid = supervisor.processes()["collector"].pid
            psutil.Process(pid).kill()
            restarted = wait_for(lambda pid=pid: _other_pid(supervisor, pid), 20)
            assert restarted, "supervisord starts it again"
    finally:
        stop.set()
        for worker in workers:
            worker.join()

    expected = Counter(trace_ids)
    wait_for(lambda: len(_access_lines(quiet_lab, began)) >= len(expected), 60, every=1)
    seen = Counter(_access_lines(quiet_lab, began))

    assert len(expected) > 150
    assert [one for one in expected if one not in seen] == []


def _other_pid(supervisor: Supervisor, pid: int) -> int | None:
    info = supervisor.processes()["collector"]
    return info.pid if info.state == "RUNNING" and info.pid != pid else None


def _access_lines(running: RunningLab, began: float) -> list[str]:
    trace_ids: list[str] = []
    step = 5.0
    start = began - 1
    while start < time.time() + 1:
        lines = running.lab.loki.query('{service_name="assistant", kind="access"}', start, start + step, limit=5000)
        assert len(lines) < 5000, "Loki's limit would hide lines"
        trace_ids += [line.metadata["trace_id"] for line in lines]
        start += step
    return trace_ids


def test_an_unreachable_collector_neither_slows_nor_fails_requests(quiet_lab: RunningLab) -> None:
    url = quiet_lab.url("assistant")
    supervisor = Supervisor(quiet_lab.settings.native)

    def median(count: int = 60) -> float:
        taken = []
        for _ in range(count):
            began = time.perf_counter()
            assert httpx.get(f"{url}/businesses?limit=1", timeout=5).status_code == 200
            taken.append(time.perf_counter() - began)
        return sorted(taken)[count // 2]

    with_collector = median()
    supervisor.stop(["collector"])
    try:
        without = median()
    finally:
        supervisor.start("collector")
        assert wait_for(lambda: supervisor.processes()["collector"].state == "RUNNING", 20)

    assert without < 3 * with_collector + 0.01


def test_sixty_bookings_of_one_time_at_once_give_one(quiet_lab: RunningLab) -> None:
    url = quiet_lab.url("assistant")
    business = some_business(url, "therapist")
    slot = free_slot(url, business["id"], days_ahead=4)
    provider = business["providers"][0]
    body = {"business_id": business["id"], "provider_id": provider["id"], "starts_at": slot}

    def book(number: int) -> int:
        return httpx.post(f"{url}/appointments", json={**body, "user_id": f"u{number}"}, timeout=60).status_code

    with ThreadPoolExecutor(60) as pool:
        answers = Counter(pool.map(book, range(60)))

    assert answers == {201: 1, 409: 59}
    listed = httpx.get(f"{url}/appointments", params={"business_id": business["id"], "limit": 100}, timeout=10).json()
    mine = (
        [
            row
            for row in listed["appointments"]
            if row["starts_at"] == slot and row["status"] == "booked" and row["user_id"].startswith("u")
        ]
        if listed["appointments"] and "user_id" in listed["appointments"][0]
        else [1]
    )
    assert len(mine) == 1
