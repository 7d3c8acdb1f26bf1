"""Each fault of the assistant on a running lab: on, Prometheus, Loki and the trace show it; off, it recovers."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from lab.query import Lab, Line, Trace, wait_for
from tests.support.labs.running import RunningLab
from tests.support.servers.customers import free_slot, some_business

# Scrapes are 5 s apart, and a span waits for its trace. A busy machine needs more.
SEEN_SECONDS = 20
MIB = 1024**2
JOB = 'job="assistant"'


@pytest.fixture
def lab(quiet_lab: RunningLab) -> Iterator[Lab]:
    """The lab's clients; faults that a test leaves on are switched off."""
    lab = quiet_lab.lab
    yield lab
    lab.assistant.fault_off()
    assert wait_for(lab.assistant.ready, SEEN_SECONDS)


def get(lab: Lab, path: str) -> httpx.Response:
    return httpx.get(lab.assistant.url + path, timeout=30)


def appointments(lab: Lab) -> httpx.Response:
    return get(lab, "/appointments?user_id=unknown")


def value(lab: Lab, expression: str) -> float:
    return lab.prometheus.value(expression, default=-1)


def reaches(lab: Lab, expression: str) -> bool:
    """Whether a comparison becomes true."""
    return bool(wait_for(lambda: lab.prometheus.query(expression), SEEN_SECONDS))


def active(lab: Lab, fault: str, target: str = "*") -> float:
    return value(lab, f'lab_fault_active{{{JOB}, fault="{fault}", target="{target}"}}')


def lines(lab: Lab, began: float, selector: str, seconds: float = SEEN_SECONDS) -> list[Line]:
    """The lines of the assistant since then that a LogQL filter keeps."""

    def ask() -> list[Line]:
        return lab.loki.query(f'{{service_name="assistant"}} {selector}', began - 1)

    return wait_for(ask, seconds) or []


def trace_with(lab: Lab, answer: httpx.Response) -> Trace:
    """The trace of an answer, once its server span was stored."""

    def ask() -> Trace | None:
        found = lab.traces().get(answer.headers["X-Trace-Id"])
        return found if found and any(span.kind == "server" for span in found.spans) else None

    trace = wait_for(ask, SEEN_SECONDS)
    assert trace, "the trace must be found"
    return trace


def faults_of(trace: Trace) -> set[str]:
    return {span.attributes["lab.fault"] for span in trace.spans if "lab.fault" in span.attributes}


@pytest.mark.usefixtures("traces")
def test_a_slow_query(lab: Lab) -> None:
    began = time.time()
    count = f'sum(db_client_operation_duration_seconds_bucket{{{JOB}, db_operation_name="SELECT", le="%s"}})'
    slow = f"({count % '+Inf'} - {count % '0.5'})"
    before = value(lab, slow)
    lab.assistant.fault_on("slow-query", 60, target="route=/appointments", parameters={"seconds": 1})

    answer = appointments(lab)
    assert answer.elapsed.total_seconds() > 1
    assert get(lab, "/businesses?limit=1").elapsed.total_seconds() < 1, "another route"
    trace = trace_with(lab, answer)
    [statement] = [span for span in trace.spans if "pg_sleep" in span.attributes.get("db.query.text", "")]
    assert statement.duration >= 1
    assert faults_of(trace) == {"slow-query"}
    assert lines(lab, began, '| event="fault.hit" | fault="slow-query"')
    assert lines(lab, began, '| event="fault.on"')[0].metadata["target"] == "route=/appointments"
    assert reaches(lab, f"{slow} == {max(before, 0) + 1}")
    assert active(lab, "slow-query", "route=/appointments") == 1

    lab.assistant.fault_off("slow-query")
    assert appointments(lab).elapsed.total_seconds() < 1
    assert reaches(lab, f'lab_fault_active{{{JOB}, target="route=/appointments"}} == 0')


@pytest.mark.usefixtures("traces")
def test_an_unreachable_database_ends_by_its_own_time(lab: Lab) -> None:
    began = time.time()
    lab.assistant.fault_on("database-unreachable", 9)

    answer = appointments(lab)
    assert (answer.status_code, answer.json()["title"]) == (503, "Database unavailable")
    chat = httpx.post(f"{lab.assistant.url}/chat", json={"message": "Hello"}, timeout=30)
    assert chat.status_code == 503
    assert reaches(lab, f"ai_database_up{{{JOB}}} == 0")
    assert not lab.assistant.ready()
    health = get(lab, "/health/detailed")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert get(lab, "/").status_code == 200
    assert lines(lab, began, '| event="database.down" | kind="error"')
    assert "database-unreachable" in faults_of(trace_with(lab, answer))

    assert wait_for(lab.assistant.ready, 20), "the fault ends by itself"
    assert appointments(lab).status_code == 200
    assert reaches(lab, f"ai_database_up{{{JOB}}} == 1")
    [end] = lines(lab, began, '| event="fault.off"')
    assert end.metadata["reason"] == "ended"


@pytest.mark.usefixtures("traces")
def test_an_exhausted_pool(lab: Lab) -> None:
    began = time.time()
    timeouts = f"db_client_connection_timeouts_total{{{JOB}}}"
    before = value(lab, timeouts)
    lab.assistant.fault_on("pool-exhausted", 60)

    used = f'db_client_connections{{{JOB}, db_client_connection_state="used"}}'
    assert reaches(lab, f"{used} == on(instance) group_left db_client_connection_max{{{JOB}}}")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: appointments(lab), range(4)))
        health = get(lab, "/health/detailed")
    assert {answer.json()["title"] for answer in answers} == {"Database connections exhausted"}
    assert {answer.status_code for answer in answers} == {503}
    assert (health.status_code, health.json()["status"]) == (200, "healthy"), "the database itself is healthy"
    assert lab.assistant.ready()
    assert reaches(lab, f"{timeouts} == {before + 4}")
    assert lines(lab, began, '| error_type="PoolExhaustedError"')
    assert faults_of(trace_with(lab, answers[0])) == {"pool-exhausted"}

    lab.assistant.fault_off("pool-exhausted")
    assert wait_for(lambda: appointments(lab).status_code == 200, 5)
    assert reaches(lab, f"{used} == 0")


@pytest.mark.usefixtures("traces")
def test_a_memory_leak(lab: Lab) -> None:
    began = time.time()
    used = f"process_memory_usage_bytes{{{JOB}}}"
    limit = value(lab, f"process_memory_limit_bytes{{{JOB}}}")
    before = value(lab, used)
    # Room for 64 MiB of growth.
    percent = 100 * (before + 64 * MIB) / limit
    assert 0 < percent < 90
    lab.assistant.fault_on("memory-leak", 60, parameters={"bytes_per_second": 32 * MIB, "limit_percent": percent})

    assert reaches(lab, f"{used} > {before + 48 * MIB}")
    answer = appointments(lab)
    assert answer.status_code == 200
    trace = trace_with(lab, answer)
    assert faults_of(trace) == {"memory-leak"}
    assert max(span.attributes.get("process.memory.usage", 0) for span in trace.spans) > before + 48 * MIB
    assert lines(lab, began, '| event="memory.high"')
    assert value(lab, used) < before + 80 * MIB, "it stops at its limit"

    lab.assistant.fault_off("memory-leak")
    assert reaches(lab, f"{used} < {before + 24 * MIB}")


@pytest.mark.usefixtures("traces")
def test_a_broken_booking(lab: Lab) -> None:
    url, began = lab.assistant.url, time.time()
    business = some_business(url, "therapist")
    slot = free_slot(url, business["id"], days_ahead=5)
    wish = {"business_id": business["id"], "starts_at": slot, "user_id": f"broken-{began}"}

    def book() -> httpx.Response:
        return httpx.post(f"{url}/appointments", json=wish, timeout=30)

    failed = f'ai_bookings_total{{{JOB}, outcome="failed", channel="api"}}'
    before = value(lab, failed)
    lab.assistant.fault_on("broken-booking", 60, target=f"business_id={business['id']}")

    answers = [book() for _ in range(3)]
    assert {(one.status_code, one.json()["title"]) for one in answers} == {(503, "Booking failed")}
    assert lab.assistant.appointments(wish["user_id"]) == []
    assert faults_of(trace_with(lab, answers[0])) == {"broken-booking"}
    assert lines(lab, began, '| error_type="BookingFailedError"')
    assert reaches(lab, f"{failed} == {before + 3}")
    assert active(lab, "broken-booking", "business_id") == 1

    lab.assistant.fault_off("broken-booking")
    assert book().status_code == 201, "the time was never taken"
    assert len(lab.assistant.appointments(wish["user_id"])) == 1


@pytest.mark.usefixtures("traces")
def test_a_bad_release_and_a_new_exception_on_two_routes(lab: Lab) -> None:
    began = time.time()
    version = get(lab, "/health/detailed").json()["version"]
    errors = f'sum(ai_requests_total{{{JOB}, route="/appointments", outcome="error"}})'
    before = value(lab, errors)
    lab.assistant.fault_on(
        "bad-release", 60, target="route=/appointments", parameters={"version": "9.9.9", "error_type": "PriceListError"}
    )
    lab.assistant.fault_on("new-exception", 60, target="route=/track")

    answers = [appointments(lab) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {500}
    tracked = httpx.post(f"{lab.assistant.url}/track", json={"business_id": "lab-doctor", "event": "login"}, timeout=30)
    assert tracked.status_code == 500
    assert get(lab, "/health/detailed").json()["version"] == "9.9.9"
    assert reaches(lab, f'lab_build_info{{{JOB}, version="9.9.9"}} == 1')
    assert lab.prometheus.query(f'lab_build_info{{{JOB}, version="{version}"}}') == []
    assert reaches(lab, f"{errors} == {before + 2}")
    trace = trace_with(lab, answers[0])
    assert faults_of(trace) == {"bad-release"}
    [server] = [span for span in trace.spans if span.kind == "server"]
    assert (server.attributes["service.version"], server.status) == ("9.9.9", "error")
    assert server.duration >= 0.3
    assert faults_of(trace_with(lab, tracked)) == {"new-exception"}
    assert len(lines(lab, began, '| error_type="PriceListError"')) == 2
    [new] = lines(lab, began, '| event="problem" | route="/track"')
    assert new.metadata["error_type"] not in ("", "PriceListError")

    lab.assistant.fault_off()
    assert appointments(lab).status_code == 200
    assert reaches(lab, f'lab_build_info{{{JOB}, version="{version}"}} == 1')
    assert lab.prometheus.query(f'lab_build_info{{{JOB}, version="9.9.9"}}') == []


def test_the_log_level_changes_while_it_runs(lab: Lab) -> None:
    asked = {"message": "Which dentists are there in Springfield?"}

    def chat() -> httpx.Response:
        return httpx.post(f"{lab.assistant.url}/chat", json=asked, timeout=30)

    def of(answer: httpx.Response, selector: str, seconds: float = SEEN_SECONDS) -> list[Line]:
        return lines(lab, began, f'| trace_id="{answer.headers["X-Trace-Id"]}" {selector}', seconds)

    began, debug = time.time(), '| detected_level="debug"'
    lab.assistant.set_log_level("DEBUG")
    try:
        assert of(chat(), debug)[0].metadata["event"] == "tool.run"
    finally:
        lab.assistant.set_log_level("INFO")
    quiet = chat()
    assert of(quiet, '| event="chat.answered"'), "what came after it is there"
    assert of(quiet, debug, seconds=0) == []
    assert lines(lab, began, '| event="log-level" | kind="audit"')


def test_a_restart_clears_every_fault(quiet_lab: RunningLab, lab: Lab) -> None:
    """The last test here: counters of the others start again at 0."""
    kinds = lab.assistant.fault_kinds()
    assert len(kinds) >= 7
    for kind in kinds:
        lab.assistant.fault_on(kind.name, 600, intensity=0.5, hidden=kind.name == "slow-query")
    assert len(lab.assistant.faults()) == len(kinds)
    assert reaches(lab, f"sum(lab_fault_active{{{JOB}}}) == {len(kinds)}")

    quiet_lab.run("restart", "assistant")

    assert wait_for(lab.assistant.ready, 30)
    assert lab.assistant.faults() == []
    assert appointments(lab).status_code == 200
    assert reaches(lab, f"sum(lab_fault_active{{{JOB}}}) == 0")
    assert reaches(lab, f'sum(ai_requests_total{{{JOB}, outcome!="ok"}}) == 0')
