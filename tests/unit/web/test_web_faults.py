"""Faults with a target, hidden faults, and their signals."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.telemetry import names
from services.web.faults import MAX_ACTIVE, FaultRequest
from services.web.problems import Problem


def order(fault="latency", **members):
    return FaultRequest(fault=fault, **{"duration_seconds": 60, **members})


def gauge(service, fault="latency", target="*"):
    return service.sample(names.FAULT_ACTIVE, fault=fault, target=target)


def test_a_fault_for_one_route_does_not_affect_others(service):
    service.faults.start(order(target="route=/search"))
    assert service.faults.hit("latency", route="/search", business_id="b001")
    assert service.faults.hit("latency", route="/items", business_id="b001") is None
    assert service.faults.hit("latency", route=None) is None
    assert service.faults.hit("latency") is None
    assert service.faults.hit("errors", route="/search") is None
    service.faults.start(order())
    assert service.faults.hit("latency", route="/items")
    assert service.faults.hit("latency")


def test_the_fault_for_all_targets_is_drawn_after_the_one_for_a_target(service):
    service.faults.start(order(target="route=/search", intensity=0.01))
    everywhere = service.faults.start(order())
    assert everywhere in [service.faults.hit("latency", route="/search") for _ in range(50)]


@pytest.mark.parametrize("target", ["search", "route", "route=", "=x", "colour=red", "", "* "])
def test_an_unknown_dimension_is_refused_with_the_known_ones(service, target):
    body = {"fault": "latency", "duration_seconds": 60, "target": target}
    answer = service.admin("POST", "/faults", json=body)
    assert (answer.status_code, answer.json["type"]) == (422, "/problems/unknown-target")
    assert "*, route=..., business_id=..., model=..." in answer.json["detail"]
    assert service.faults.document()["active"] == []


def test_an_unknown_value_is_refused_with_the_nearest(service):
    with pytest.raises(Problem, match=re.escape("Did you mean /items? Choose one of: /items, /search.")):
        service.faults.start(order(target="route=/item"))
    with pytest.raises(Problem, match=r"Unknown business_id. Did you mean b\d+\?$"):
        service.faults.start(order(target="business_id=b01"))
    service.faults.start(order(target="model=any"))  # the registry has no values for this dimension


@pytest.mark.parametrize(("name", "near"), [("latancy", " Did you mean latency?"), ("flood", "")])
def test_the_nearest_fault_is_suggested(service, name, near):
    answer = service.admin("POST", "/faults", json={"fault": name, "duration_seconds": 60})
    assert answer.status_code == 422
    assert answer.json["detail"] == f"Unknown fault.{near} Choose one of: errors, latency."
    answer = service.admin("DELETE", f"/faults/{name}")
    assert (answer.status_code, answer.json["type"]) == (404, "/problems/unknown-fault")
    assert near in answer.json["detail"]


def test_the_gauge_names_a_route_but_no_business(service):
    service.faults.start(order(target="route=/search"))
    first = service.faults.start(order(target="business_id=b001"))
    second = service.faults.start(order(target="business_id=b002"))
    service.faults.start(order(target="model=any"))
    assert gauge(service, target="route=/search") == 1
    assert gauge(service, target="business_id") == 1
    assert gauge(service, target="model") == 1
    assert gauge(service) == 0
    service.faults.stop(first.id)
    assert gauge(service, target="business_id") == 1
    service.faults.stop(second.id)
    assert gauge(service, target="business_id") == 0
    assert gauge(service, target="route=/search") == 1
    # Audit lines have the whole target.
    assert [line["target"] for line in service.lines("audit") if line["event"] == "fault.off"] == [
        "business_id=b001",
        "business_id=b002",
    ]


def test_a_fault_is_stopped_by_name_for_all_targets_and_by_id_for_one(service):
    fault = [service.admin("POST", "/faults", json=order(target=target).model_dump()).json for target in TARGETS]
    assert service.admin("DELETE", f"/faults/{fault[0]['id']}").status_code == 204
    assert [one["id"] for one in service.admin("GET", "/faults").json["active"]] == [fault[1]["id"], fault[2]["id"]]
    assert service.admin("DELETE", f"/faults/{fault[0]['id']}").status_code == 404
    assert service.admin("DELETE", "/faults/latency").status_code == 204
    assert service.admin("GET", "/faults").json["active"] == []
    assert service.admin("DELETE", "/faults/latency").status_code == 204


TARGETS = ("*", "route=/items", "business_id=b001")


def test_a_hit_is_counted_logged_and_on_the_span(service):
    with service.telemetry.tracer.start_as_current_span("request") as span:
        assert service.faults.hit("latency") is None
        assert "lab.fault" not in span.attributes
        service.faults.start(order(target="route=/items"))
        service.faults.start(order("errors"))
        for _ in range(2):
            service.faults.hit("latency", route="/items")
            service.faults.hit("errors")
        assert span.attributes["lab.fault"] == "latency,errors"
    assert service.sample(names.FAULT_HITS, fault="latency") == 2
    line = next(line for line in service.lines("application") if line["event"] == "fault.hit")
    assert (line["fault"], line["target"], line["level"]) == ("latency", "route=/items", "warning")
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"


def test_a_hidden_fault_is_named_in_no_signal(service):
    body = order(target="route=/search", intensity=0.999, hidden=True).model_dump()
    answers = [service.admin("POST", "/faults", json=body)]
    fault = answers[0].json
    assert answers[0].status_code == 201
    assert (fault["fault"], fault["target"], fault["hidden"]) == ("hidden", "*", True)
    assert not {"intensity", "parameters"} & set(fault)
    assert service.admin("GET", "/faults").json["active"] == [fault]
    with service.telemetry.tracer.start_as_current_span("request") as span:
        while service.faults.hit("latency", route="/search") is None:
            pass
    assert span.attributes["lab.fault"] == "hidden"
    assert gauge(service, "hidden") == 1
    assert gauge(service) == 0
    assert service.sample(names.FAULT_HITS, fault="hidden") == 1
    assert service.admin("DELETE", f"/faults/{fault['id']}").status_code == 204
    assert gauge(service, "hidden") == 0
    assert [(line["fault"], line["target"]) for line in service.lines("audit")] == [("hidden", "*")] * 2
    for line in service.lines():
        assert "latency" not in str(line)
        assert "search" not in str(line)
        assert "0.999" not in str(line)
    assert b"latency" not in service.client.get("/metrics").data.replace(
        b'fault="latency",target="*"} 0.0', b""
    ).replace(b'fault="latency"} 0.0', b"")


def test_two_hidden_faults_share_a_series_until_the_last_ends(service):
    first = service.faults.start(order(hidden=True))
    second = service.faults.start(order("errors", hidden=True))
    service.faults.stop(first.id)
    assert gauge(service, "hidden") == 1
    service.faults.stop(second.id)
    assert gauge(service, "hidden") == 0


def test_a_replaced_fault_ends_and_is_audited(service):
    first = service.faults.start(order())
    second = service.faults.start(order(intensity=0.5))
    assert (first.ended.is_set(), second.ended.is_set()) == (True, False)
    assert gauge(service) == 1
    events = [(line["event"], line.get("reason"), line["intensity"]) for line in service.lines("audit")]
    assert events == [("fault.on", None, 1), ("fault.off", "replaced", 1), ("fault.on", None, 0.5)]


def test_a_fault_ends_on_time_even_if_its_timer_is_late(service):
    fault = service.faults.start(order(duration_seconds=1))
    fault._timer.cancel()
    assert service.faults.hit("latency") is fault
    deadline = time.monotonic() + 5
    while service.faults.active("latency") and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert service.faults.hit("latency") is None


def test_an_action_runs_while_its_fault_is_active(service):
    begun, ended = threading.Event(), threading.Event()

    def act(fault):
        begun.set()
        if fault.ended.wait(10):
            ended.set()

    service.faults.on_start("latency", act)
    service.faults.start(order("errors"))
    assert not begun.is_set()
    fault = service.faults.start(order())
    assert begun.wait(5)
    service.faults.stop(fault.id)
    assert ended.wait(5)


def test_the_number_of_active_faults_is_limited(service):
    for number in range(MAX_ACTIVE):
        service.faults.start(order(target=f"business_id=b{number:03}"))
    with pytest.raises(Problem, match="Too many faults") as caught:
        service.faults.start(order())
    assert caught.value.status == 409
    service.faults.start(order(target="business_id=b000"))  # replaces one
    assert len(service.faults.document()["active"]) == MAX_ACTIVE


def test_concurrent_starts_and_stops_are_audited_once_and_in_order(service):
    barrier = threading.Barrier(8)

    def switch(number):
        barrier.wait()
        for turn in range(25):
            target = TARGETS[(number + turn) % 3]
            if (number + turn) % 2:
                service.faults.start(order(target=target, hidden=number == 3))
            elif turn % 5:
                service.faults.stop("latency")
            else:
                service.faults.stop()
            service.faults.hit("latency", route="/items", business_id="b001")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(switch, range(8)))
    active = service.faults._active.values()
    assert gauge(service) == any(one.public_name == "latency" and one.target == "*" for one in active)
    assert gauge(service, "hidden") == any(one.hidden for one in active)
    service.faults.stop()
    assert gauge(service) == gauge(service, "hidden") == gauge(service, target="business_id") == 0
    state = dict.fromkeys(TARGETS, 0)
    events = [line for line in service.lines("audit") if line["fault"] == "latency"]
    assert len(events) > 50
    for line in events:
        state[line["target"]] += 1 if line["event"] == "fault.on" else -1
        assert state[line["target"]] in (0, 1)
    assert set(state.values()) == {0}
