"""Faults aimed at a part of the requests, sealed ones, and what switching leaves in the signals."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.telemetry import names
from services.web.faults import MAX_ACTIVE, FaultOrder
from services.web.problems import Problem


def order(fault="latency", **members):
    return FaultOrder(fault=fault, **{"duration_seconds": 60, **members})


def gauge(service, fault="latency", target="*"):
    return service.sample(names.FAULT_ACTIVE, fault=fault, target=target)


def test_a_fault_for_one_route_spares_the_others(service):
    service.faults.start(order(target="route=/search"))
    assert service.faults.hit("latency", route="/search", business_id="b001")
    assert service.faults.hit("latency", route="/items", business_id="b001") is None
    assert service.faults.hit("latency", route=None) is None
    assert service.faults.hit("latency") is None
    assert service.faults.hit("errors", route="/search") is None
    service.faults.start(order())
    assert service.faults.hit("latency", route="/items")
    assert service.faults.hit("latency")


def test_who_is_not_hit_by_the_nearer_fault_may_be_by_the_one_for_all(service):
    service.faults.start(order(target="route=/search", strength=0.01))
    everywhere = service.faults.start(order())
    assert everywhere in [service.faults.hit("latency", route="/search") for _ in range(50)]


@pytest.mark.parametrize("target", ["search", "route", "route=", "=x", "colour=red", "", "* "])
def test_what_is_no_target_is_refused_with_those_there_are(service, target):
    body = {"fault": "latency", "duration_seconds": 60, "target": target}
    answer = service.admin("POST", "/faults", json=body)
    assert (answer.status_code, answer.json["type"]) == (422, "/problems/unknown-target")
    assert "*, route=..., business_id=..., model=..." in answer.json["detail"]
    assert service.faults.document()["active"] == []


def test_a_value_that_is_not_there_is_refused_with_the_nearest(service):
    with pytest.raises(Problem, match=re.escape("Did you mean /items? There are: /items, /search.")):
        service.faults.start(order(target="route=/item"))
    with pytest.raises(Problem, match=r"There is no such business_id. Did you mean b\d+\?$"):
        service.faults.start(order(target="business_id=b01"))
    service.faults.start(order(target="model=any"))  # nobody told which models there are


@pytest.mark.parametrize(("name", "near"), [("latancy", " Did you mean latency?"), ("flood", "")])
def test_the_nearest_fault_is_offered(service, name, near):
    answer = service.admin("POST", "/faults", json={"fault": name, "duration_seconds": 60})
    assert answer.status_code == 422
    assert answer.json["detail"] == f"There is no such fault.{near} There are: errors, latency."
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
    # The audit tells it all.
    assert [line["target"] for line in service.lines("audit") if line["event"] == "fault.off"] == [
        "business_id=b001",
        "business_id=b002",
    ]


def test_a_fault_is_switched_off_by_name_for_all_targets_and_by_id_for_one(service):
    made = [service.admin("POST", "/faults", json=order(target=target).model_dump()).json for target in TARGETS]
    assert service.admin("DELETE", f"/faults/{made[0]['id']}").status_code == 204
    assert [one["id"] for one in service.admin("GET", "/faults").json["active"]] == [made[1]["id"], made[2]["id"]]
    assert service.admin("DELETE", f"/faults/{made[0]['id']}").status_code == 404
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


def test_a_sealed_fault_is_named_nowhere(service):
    body = order(target="route=/search", strength=0.999, sealed=True).model_dump()
    answers = [service.admin("POST", "/faults", json=body)]
    made = answers[0].json
    assert answers[0].status_code == 201
    assert (made["fault"], made["target"], made["sealed"]) == ("sealed", "*", True)
    assert not {"strength", "parameters"} & set(made)
    assert service.admin("GET", "/faults").json["active"] == [made]
    with service.telemetry.tracer.start_as_current_span("request") as span:
        while service.faults.hit("latency", route="/search") is None:
            pass
    assert span.attributes["lab.fault"] == "sealed"
    assert gauge(service, "sealed") == 1
    assert gauge(service) == 0
    assert service.sample(names.FAULT_HITS, fault="sealed") == 1
    assert service.admin("DELETE", f"/faults/{made['id']}").status_code == 204
    assert gauge(service, "sealed") == 0
    assert [(line["fault"], line["target"]) for line in service.lines("audit")] == [("sealed", "*")] * 2
    for line in service.lines():
        assert "latency" not in str(line)
        assert "search" not in str(line)
        assert "0.999" not in str(line)
    assert b"latency" not in service.client.get("/metrics").data.replace(
        b'fault="latency",target="*"} 0.0', b""
    ).replace(b'fault="latency"} 0.0', b"")


def test_two_sealed_faults_share_a_gauge_that_falls_with_the_last(service):
    first = service.faults.start(order(sealed=True))
    second = service.faults.start(order("errors", sealed=True))
    service.faults.stop(first.id)
    assert gauge(service, "sealed") == 1
    service.faults.stop(second.id)
    assert gauge(service, "sealed") == 0


def test_a_replaced_fault_is_over_and_told(service):
    first = service.faults.start(order())
    second = service.faults.start(order(strength=0.5))
    assert (first.over.is_set(), second.over.is_set()) == (True, False)
    assert gauge(service) == 1
    told = [(line["event"], line.get("reason"), line["strength"]) for line in service.lines("audit")]
    assert told == [("fault.on", None, 1), ("fault.off", "replaced", 1), ("fault.on", None, 0.5)]


def test_a_fault_is_over_at_its_time_even_if_its_timer_is_late(service):
    made = service.faults.start(order(duration_seconds=1))
    made._timer.cancel()
    assert service.faults.hit("latency") is made
    deadline = time.monotonic() + 5
    while service.faults.active("latency") and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert service.faults.hit("latency") is None


def test_an_action_runs_while_its_fault_is_on(service):
    begun, ended = threading.Event(), threading.Event()

    def act(fault):
        begun.set()
        if fault.over.wait(10):
            ended.set()

    service.faults.when_on("latency", act)
    service.faults.start(order("errors"))
    assert not begun.is_set()
    made = service.faults.start(order())
    assert begun.wait(5)
    service.faults.stop(made.id)
    assert ended.wait(5)


def test_there_is_an_end_to_how_many_may_be_on(service):
    for number in range(MAX_ACTIVE):
        service.faults.start(order(target=f"business_id=b{number:03}"))
    with pytest.raises(Problem, match="Too many faults") as caught:
        service.faults.start(order())
    assert caught.value.status == 409
    service.faults.start(order(target="business_id=b000"))  # replaces one
    assert len(service.faults.document()["active"]) == MAX_ACTIVE


def test_switched_from_many_threads_each_switch_is_told_once_and_in_order(service):
    barrier = threading.Barrier(8)

    def switch(number):
        barrier.wait()
        for turn in range(25):
            target = TARGETS[(number + turn) % 3]
            if (number + turn) % 2:
                service.faults.start(order(target=target, sealed=number == 3))
            elif turn % 5:
                service.faults.stop("latency")
            else:
                service.faults.stop()
            service.faults.hit("latency", route="/items", business_id="b001")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(switch, range(8)))
    active = service.faults._active.values()
    assert gauge(service) == any(one.shown == "latency" and one.target == "*" for one in active)
    assert gauge(service, "sealed") == any(one.sealed for one in active)
    service.faults.stop()
    assert gauge(service) == gauge(service, "sealed") == gauge(service, target="business_id") == 0
    state = dict.fromkeys(TARGETS, 0)
    events = [line for line in service.lines("audit") if line["fault"] == "latency"]
    assert len(events) > 50
    for line in events:
        state[line["target"]] += 1 if line["event"] == "fault.on" else -1
        assert state[line["target"]] in (0, 1)
    assert set(state.values()) == {0}
