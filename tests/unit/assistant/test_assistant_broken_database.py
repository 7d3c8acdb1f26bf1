"""Faults of the database: on, each shows in metrics, lines and spans; off, all is as before."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from lab.query import wait_for
from services.assistant.metrics import AssistantMetrics
from services.assistant.storage import database
from services.assistant.storage.database import Database, PoolExhaustedError
from services.telemetry import Telemetry, TelemetrySettings, names

BUSINESS, OTHER = "bayview-dental-care", "lab-doctor"
LIST = "/appointments?user_id=ann"


def took(service, address: str) -> float:
    began = time.perf_counter()
    service.client.get(address)
    return time.perf_counter() - began


def slow_statements(service) -> list[float]:
    spans = [
        span for span in service.spans.get_finished_spans() if "pg_sleep" in span.attributes.get("db.query.text", "")
    ]
    return [(span.end_time - span.start_time) / 1e9 for span in spans]


def test_a_slow_query_is_a_long_statement_in_figures_and_trace(service) -> None:
    service.on("slow-query", target="route=/appointments", parameters={"seconds": 0.4})

    assert took(service, LIST) > 0.4
    assert took(service, f"/businesses/{BUSINESS}/slots") < 0.4  # another route

    [statement] = slow_statements(service)
    assert statement >= 0.4
    slow = service.sample("db_client_operation_duration_seconds_sum", db_operation_name="SELECT")
    assert slow >= 0.4
    assert service.faulty_spans() == {"GET /appointments": "slow-query"}
    [line] = service.lines("fault.hit")
    assert (line["fault"], line["level"]) == ("slow-query", "warning")

    service.off("slow-query")
    assert took(service, LIST) < 0.4
    assert len(slow_statements(service)) == 1


def test_a_slow_query_holds_a_connection_and_no_lock(service) -> None:
    service.on("slow-query", target="route=/appointments", parameters={"seconds": 1})
    answer = threading.Thread(target=took, args=(service, LIST))
    answer.start()
    used = {"db_client_connection_state": "used"}
    assert wait_for(lambda: service.sample(names.POOL_CONNECTIONS, **used) == 1, 15)
    began = time.perf_counter()
    wish = {"business_id": OTHER, "event": "page_view"}
    assert service.client.post("/track", json=wish).status_code == 202
    assert time.perf_counter() - began < 0.6
    answer.join()
    assert service.sample(names.POOL_CONNECTIONS, **used) == 0


def test_a_request_has_one_slow_statement_however_many_it_has(service, model) -> None:
    service.on("slow-query", parameters={"seconds": 0.05})
    model.call("list_slots", business_id=BUSINESS)
    model.call("list_slots", business_id=OTHER)
    service.say()
    assert len(slow_statements(service)) == 1


def test_a_slow_query_of_one_business_leaves_the_others_alone(service) -> None:
    service.on("slow-query", target=f"business_id={OTHER}", parameters={"seconds": 0.4})
    assert took(service, f"/appointments?business_id={BUSINESS}") < 0.4
    assert took(service, f"/appointments?business_id={OTHER}") > 0.4


def test_a_query_that_outlasts_the_budget_is_ended_and_the_connection_is_good(start) -> None:
    service = start(request_budget_seconds=0.5)
    service.on("slow-query", target="route=/appointments", parameters={"seconds": 60})
    began = time.monotonic()
    answer = service.client.get(LIST)
    assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/database-unavailable")
    assert time.monotonic() - began < 10
    service.off("slow-query")
    assert service.client.get(LIST).status_code == 200


def test_an_unreachable_database_is_seen_everywhere_and_recovers_by_itself(start, monkeypatch) -> None:
    monkeypatch.setattr(database, "WATCH_SECONDS", 0.1)
    service = start()
    service.on("database-unreachable", seconds=2)

    answer = service.client.get(LIST)
    assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/database-unavailable")
    assert service.client.post("/chat", json={"message": "Hi", "user_id": "ann"}).status_code == 503
    assert wait_for(lambda: service.sample(names.DATABASE_UP) == 0, 15)
    assert service.client.get("/ready").status_code == 503
    assert [line["level"] for line in service.lines("database.down")] == ["error"]
    assert service.sample(names.FAULT_HITS, fault="database-unreachable") >= 2
    assert "GET /appointments" in service.faulty_spans()
    # Health and metrics still answer.
    health = service.client.get("/health/detailed")
    assert (health.status_code, health.get_json()["status"]) == (200, "degraded")
    assert service.client.get("/").status_code == 200
    assert service.client.get("/businesses").status_code == 200

    assert wait_for(lambda: service.client.get("/ready").status_code == 200, 15)
    assert service.client.get(LIST).status_code == 200
    assert service.sample(names.DATABASE_UP) == 1
    assert len(service.lines("database.up")) == 1


def test_without_a_free_connection_requests_fail_clearly_and_the_database_counts_as_up(service) -> None:
    service.on("pool-exhausted")
    used, idle = {"db_client_connection_state": "used"}, {"db_client_connection_state": "idle"}
    size = service.sample(names.POOL_MAX)
    assert size > 1
    assert wait_for(lambda: service.sample(names.POOL_CONNECTIONS, **used) == size, 15)

    answers: list = []
    began = time.monotonic()
    asking = threading.Thread(target=lambda: answers.append(service.client.get(LIST)))
    asking.start()
    assert wait_for(lambda: service.sample(names.POOL_PENDING) == 1, 15)
    asking.join(30)
    assert time.monotonic() - began < 10
    document = answers[0].get_json()
    assert (answers[0].status_code, document["type"]) == (503, "/problems/database-connections-exhausted")
    assert "in use" in document["detail"]
    assert service.sample(names.POOL_TIMEOUTS) == 1
    assert service.sample(f"{names.POOL_WAIT}_sum") > 1
    assert service.lines("problem")[0]["error_type"] == "PoolExhaustedError"
    assert service.faulty_spans() == {"GET /appointments": "pool-exhausted"}
    assert service.assistant.database.ping()
    assert service.client.get("/ready").status_code == 200
    assert service.client.get("/health/detailed").get_json()["status"] == "healthy"

    service.off("pool-exhausted")
    assert wait_for(lambda: service.sample(names.POOL_CONNECTIONS, **used) == 0, 15)
    assert service.sample(names.POOL_CONNECTIONS, **idle) == size
    assert service.client.get(LIST).status_code == 200
    assert service.sample(names.POOL_PENDING) == 0


def test_waits_and_timeouts_of_the_pool_are_counted_without_any_fault(tmp_path: Path) -> None:
    telemetry = Telemetry.from_settings(TelemetrySettings(otel_service_name="alone"), TracerProvider())
    database = Database(f"sqlite:///{tmp_path}/alone.db")
    AssistantMetrics(telemetry, "lab-small", 10).pool(database.pool)
    database.pool._timeout = 0.05
    held = [database.pool.take() for _ in range(database.pool.size())]
    with pytest.raises(PoolExhaustedError), database.read():
        pass
    for connection in held:
        connection.close()
    with database.read():
        pass
    sample = telemetry.registry.get_sample_value
    assert sample(names.POOL_TIMEOUTS) == 1
    assert sample(f"{names.POOL_WAIT}_count") == 2
    assert sample(f"{names.POOL_WAIT}_sum") >= 0.05
    telemetry.shutdown()


def test_half_a_pool_is_enough_for_one_request(service) -> None:
    size = service.sample(names.POOL_MAX)
    service.on("pool-exhausted", intensity=0.5)
    held = {"db_client_connection_state": "used"}
    assert wait_for(lambda: service.sample(names.POOL_CONNECTIONS, **held) == size / 2, 15)
    assert service.client.get(LIST).status_code == 200
    assert service.sample(names.POOL_TIMEOUTS) == 0


def test_connections_that_come_back_later_are_taken_and_all_are_given_back_at_the_end(service) -> None:
    pool = service.assistant.database.pool
    busy = [pool.take() for _ in range(pool.size())]
    service.on("pool-exhausted")
    for connection in busy:
        connection.close()
    assert wait_for(lambda: not pool.has_free, 15)
    service.off("pool-exhausted")
    assert wait_for(lambda: pool.checkedout() == 0, 15)


@pytest.mark.parametrize("fault", ["slow-query", "database-unreachable", "pool-exhausted"])
def test_a_fault_ends_by_its_own_time(service, fault: str) -> None:
    service.on(fault, seconds=1)
    assert service.sample(names.FAULT_ACTIVE, fault=fault, target="*") == 1
    assert wait_for(lambda: service.sample(names.FAULT_ACTIVE, fault=fault, target="*") == 0, 15)
    assert wait_for(lambda: service.client.get(LIST).status_code == 200, 15)


def test_what_the_database_holds_outlives_its_faults(service) -> None:
    slot = service.free(BUSINESS)
    assert service.book(slot, BUSINESS).status_code == 201
    service.on("database-unreachable", seconds=1)
    assert service.book(slot, BUSINESS, user_id="bob").status_code == 503
    assert wait_for(lambda: service.client.get(LIST).status_code == 200, 15)
    with sqlite3.connect(service.assistant.database.engine.url.database) as file:
        assert file.execute("SELECT count(*) FROM appointments").fetchone() == (1,)
