"""A broken booking, a bad release, an exception of a new kind, a memory leak: seen by their effects alone."""

import json
import sqlite3
import threading
import time
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from lab.query import wait_for
from services.assistant.faults import kinds, memory
from services.assistant.faults.thresholds import ThresholdLogger
from services.telemetry import names
from services.web.faults import ActiveFault

BUSINESS, OTHER = "bayview-dental-care", "lab-doctor"
LIST = "/appointments?user_id=ann"
MIB = 1024**2


def stored(service) -> tuple[int, int]:
    """How many appointments and busy times the database holds."""
    with sqlite3.connect(service.assistant.database.engine.url.database) as database:
        appointments = database.execute("SELECT count(*) FROM appointments").fetchone()
        busy = database.execute("SELECT count(*) FROM busy_times").fetchone()
    return appointments[0], busy[0]


def test_a_broken_booking_leaves_nothing_behind_and_is_reported(service) -> None:
    slot = service.free(BUSINESS)
    service.on("broken-booking")

    answer = service.book(slot, BUSINESS, key="k")
    assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/booking-failed")
    assert stored(service) == (0, 0)
    assert service.sample(names.BOOKINGS, channel="api", outcome="failed") == 1
    assert service.lines("problem")[0]["error_type"] == "BookingFailedError"
    assert service.faulty_spans() == {"POST /appointments": "broken-booking"}

    service.off("broken-booking")
    assert service.book(slot, BUSINESS, key="k").status_code == 201
    assert stored(service)[0] == 1
    assert service.sample(names.BOOKINGS, channel="api", outcome="done") == 1


def test_in_a_chat_a_broken_booking_shows_in_the_bookings_and_in_no_error_rate(service, model) -> None:
    service.on("broken-booking")
    model.call("book_appointment", business_id=BUSINESS, starts_at=service.free(BUSINESS))
    model.say("I am sorry, that did not work.")
    answer = service.say(user_id="ann")

    assert (answer["outcome"], answer["appointment"]) == ("ok", None)
    result = json.loads(model.requests[-1]["messages"][-1]["content"])
    assert (result["ok"], result["error"]) == (False, "failed")
    assert service.sample(names.BOOKINGS, channel="chat", outcome="failed") == 1
    assert service.sample(names.APPOINTMENTS, action="booked", kind="dentist") == 0
    assert service.sample(names.CONVERSATIONS, result="started", kind="dentist") == 1
    assert service.sample(names.CONVERSATIONS, result="booked", kind="dentist") == 0
    assert service.sample(names.AI_REQUESTS, route="/chat", outcome="error", business_id="none") == 0
    assert [line["kind"] for line in service.lines("booking.failed")] == ["error"]
    span = service.span("execute_tool book_appointment")
    assert (span.attributes["lab.tool.error"], span.attributes["error.type"]) == ("failed", "BookingFailedError")
    assert stored(service) == (0, 0)


def test_bookings_that_cannot_be_are_no_failures(service) -> None:
    slot = service.free(BUSINESS)
    person = {"provider_id": f"{BUSINESS}-1"}
    assert [service.book(slot, BUSINESS, **person).status_code for _ in range(2)] == [201, 409]
    counted = {one: service.sample(names.BOOKINGS, channel="api", outcome=one) for one in ("done", "refused", "failed")}
    assert counted == {"done": 1, "refused": 1, "failed": 0}


def test_bookings_of_other_businesses_and_of_the_probe_s_figures_are_left_alone(service) -> None:
    service.on("broken-booking", target=f"business_id={OTHER}")
    assert service.book(business_id=BUSINESS).status_code == 201
    assert service.book(business_id=OTHER).status_code == 503  # the probe: broken, and no business
    assert service.sample(names.BOOKINGS, channel="api", outcome="failed") == 0


def test_a_bad_release_is_another_version_that_is_slower_and_fails_in_a_new_way(service) -> None:
    labels = {"service": "assistant"}
    service.on("bad-release", target="route=/appointments", parameters={"seconds": 0.3})
    assert wait_for(lambda: service.sample(names.BUILD_INFO, version="1.2.4", **labels) == 1, 15)
    assert service.sample(names.BUILD_INFO, version="1.2.3", **labels) is None
    assert service.client.get("/health/detailed").get_json()["version"] == "1.2.4"

    began = time.perf_counter()
    answer = service.client.get(LIST)
    assert time.perf_counter() - began > 0.3
    document = answer.get_json()
    assert (answer.status_code, document["type"]) == (500, "/problems/internal-server-error")
    assert service.sample(names.AI_REQUESTS, route="/appointments", outcome="error", business_id="none") == 1
    [line] = service.lines("problem")
    assert line["error_type"].endswith("Error")
    span = service.span("GET /appointments")
    assert span.attributes["service.version"] == "1.2.4"
    assert span.attributes["lab.fault"] == "bad-release"
    assert [event.attributes["exception.type"] for event in span.events] == [line["error_type"]]
    assert service.say()["outcome"] == "ok"  # another route

    service.off("bad-release")
    assert service.client.get(LIST).status_code == 200
    assert wait_for(lambda: service.sample(names.BUILD_INFO, version="1.2.3", **labels) == 1, 15)
    assert service.sample(names.BUILD_INFO, version="1.2.4", **labels) is None


def test_of_a_bad_release_with_half_strength_all_requests_are_slower_and_half_fail(service) -> None:
    order: dict[str, Any] = {"version": "2.0.0", "seconds": 0.02, "error_type": "PriceListError"}
    service.on("bad-release", intensity=0.5, parameters=order)
    answers = []
    for _ in range(60):
        began = time.perf_counter()
        answers.append(service.client.get(LIST).status_code)
        assert time.perf_counter() - began > 0.02
    assert 10 < answers.count(500) < 50
    assert answers.count(500) + answers.count(200) == 60
    assert {line["error_type"] for line in service.lines("problem")} == {"PriceListError"}
    assert wait_for(lambda: service.sample(names.BUILD_INFO, version="2.0.0", service="assistant") == 1, 15)


def test_each_new_exception_is_of_a_type_that_was_not_there(service) -> None:
    seen = []
    for _ in range(3):
        service.on("new-exception", target="route=/appointments")
        assert [service.client.get(LIST).status_code for _ in range(2)] == [500, 500]
        seen.append({line["error_type"] for line in service.lines("problem")})
        service.off("new-exception")
    assert [len(types) for types in seen] == [1, 2, 3]
    assert service.client.get(LIST).status_code == 200
    assert service.faulty_spans() == {"GET /appointments": "new-exception"}


def test_requests_about_one_business_fail_by_what_they_name(service) -> None:
    service.on("new-exception", target=f"business_id={BUSINESS}")
    assert service.client.post("/chat", json={"message": "Hi", "business_id": BUSINESS}).status_code == 500
    assert service.client.get(f"/appointments?business_id={BUSINESS}").status_code == 500
    assert service.client.post("/chat", json={"message": "Hi", "business_id": OTHER}).status_code == 200
    assert service.client.post("/chat", data=b"{", content_type="application/json").status_code == 400
    assert service.client.post("/chat", json=["business_id"]).status_code == 422


def test_who_names_a_type_and_sends_no_body_is_served_while_a_fault_is_on(service) -> None:
    service.on("broken-booking")
    assert service.client.get(LIST, content_type="application/json").status_code == 200


@pytest.mark.parametrize("fault", ["bad-release", "new-exception"])
def test_the_page_probes_and_the_admin_api_are_never_hit(service, fault: str) -> None:
    service.on(fault)
    for address in ("/", "/health", "/ready", "/health/detailed", "/metrics", "/stats", "/openapi.json"):
        assert service.client.get(address).status_code == 200, address
    assert service.client.post("/predict", json={}).status_code == 500


def test_a_leak_grows_up_to_its_limit_is_shown_and_freed(start) -> None:
    own = psutil.Process().memory_info().rss
    # However much the process of these tests holds already.
    limit = (own + 20 * MIB) * 100 // 90
    service = start(memory_limit=limit)
    service.on("memory-leak", parameters={"bytes_per_second": 40 * MIB, "limit_percent": 90})

    assert wait_for(lambda: service.sample(names.PROCESS_MEMORY) > own + 15 * MIB, 15)
    service.client.get(LIST)
    span = service.span("GET /appointments")
    assert span.attributes["lab.fault"] == "memory-leak"
    assert span.attributes["process.memory.usage"] > own
    # It stays at its limit.
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        assert service.sample(names.PROCESS_MEMORY) < own + 30 * MIB
        time.sleep(0.1)

    service.off("memory-leak")
    assert wait_for(lambda: service.sample(names.PROCESS_MEMORY) < own + 8 * MIB, 15)


def test_a_leak_logs_each_threshold_once(service) -> None:
    written: list[int] = []
    thresholds = ThresholdLogger((50, 60, 70, 80), 55.0, written.append)
    thresholds.log(55.0)
    assert written == [], "what is reached at the start is not logged"
    for percent in (61.0, 65.0, 81.0, 90.0):
        thresholds.log(percent)
    assert written == [60, 70, 80]


def test_a_leak_logs_the_bytes_in_use(service) -> None:
    limit = psutil.Process().memory_info().rss * 100 // 55  # 55 % are used
    now = datetime.now(UTC)
    parameters = {"limit_percent": 65, "bytes_per_second": 256 * MIB}
    fault = ActiveFault("memory-leak", "*", 1.0, parameters, started_at=now, ends_at=now)
    leaking = threading.Thread(target=memory.leak, args=(fault, limit, service.telemetry))
    leaking.start()
    try:
        assert wait_for(lambda: service.lines("memory.high"), 15)
    finally:
        fault.ended.set()
        leaking.join()
    [line] = service.lines("memory.high")
    assert (line["message"], line["kind"], line["limit_bytes"]) == (
        "memory is above 60 % of its limit",
        "performance",
        limit,
    )


def test_a_leak_leaves_the_machine_its_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = psutil.virtual_memory()
    assert memory.headroom(machine.total * 100, 90) <= machine.available
    scarce = machine._replace(available=int(machine.total * 0.05))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: scarce)
    assert memory.headroom(machine.total * 100, 90) == 0


@pytest.mark.parametrize("fault", kinds.ALL, ids=lambda fault: fault.name)
def test_a_hidden_fault_is_named_in_no_line_and_on_no_span(service, fault) -> None:
    slot = service.free(BUSINESS)
    service.on(fault.name, hidden=True)
    service.book(slot, BUSINESS)
    service.client.get(LIST)
    text = service.log_file.read_text() + repr([dict(span.attributes) for span in service.spans.get_finished_spans()])
    assert fault.name not in text
    assert '"hidden"' in text
    service.off(fault.name)


def test_wrong_parameters_are_refused(service) -> None:
    for fault, parameters in (
        ("slow-query", {"seconds": 0}),
        ("memory-leak", {"limit_percent": 100}),
        ("memory-leak", {"bytes_per_second": 1}),
        ("bad-release", {"version": "a b"}),
        ("new-exception", {"error_type": "os.system"}),
        ("pool-exhausted", {"seconds": 1}),
    ):
        order = {"fault": fault, "duration_seconds": 5, "parameters": parameters}
        answer = service.client.post("/admin/faults", json=order, headers=service.admin)
        assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/invalid-request"), fault
    assert service.client.get("/admin/faults", headers=service.admin).get_json()["active"] == []
