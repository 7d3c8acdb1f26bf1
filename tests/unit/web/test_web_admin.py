"""The admin API and the faults behind it."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from prometheus_client import Counter, Gauge

from services.telemetry import names
from services.web.admin import MASTER
from services.web.faults import FaultRequest
from services.web.problems import Problem

REQUEST = {"fault": "errors", "duration_seconds": 60}


def eventually(condition, seconds=5.0):
    """True as soon as the condition holds; False at the deadline."""
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return held


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer an-admin-toke",
        "Bearer an-admin-token2",
        "Basic an-admin-token",
        "an-admin-token",
        "Bearer \xff",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/faults"), ("POST", "/faults"), ("PUT", "/log-level"), ("POST", "/restart")]
)
def test_a_request_without_the_token_is_refused(service, header, method, path):
    headers = {} if header is None else {"Authorization": header}
    response = service.client.open(f"/admin{path}", method=method, headers=headers, json={"level": "ERROR"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.json["detail"] == "Send the admin token as a bearer token."
    action = {"GET": "faults.list", "POST": "faults.on", "PUT": "log-level"}[method]
    action = "restart" if path == "/restart" else action
    assert service.sample(names.ADMIN_REQUESTS, action=action, result="refused") == 1
    assert service.sample(names.ADMIN_REQUESTS, action=action, result="invalid") == 0
    (line,) = service.lines("audit")
    assert (line["event"], line["level"], line["action"]) == ("admin.refused", "warning", action)
    assert service.faults.document()["active"] == []


@pytest.mark.parametrize("content", [None, b"", b"\n"])
def test_without_a_token_file_every_request_is_refused(service, content):
    service.token_file.unlink()
    if content is not None:
        service.token_file.write_bytes(content)
    for token in ("", "\n", "an-admin-token"):
        assert service.admin("GET", "/faults", token=token.strip()).status_code == 401


def test_a_renewed_token_is_valid_at_once(service):
    service.token_file.write_text("renewed")
    assert service.admin("GET", "/faults").status_code == 401
    assert service.admin("GET", "/faults", token="renewed").status_code == 200


def test_a_fault_is_started_listed_and_stopped(service):
    body = {**REQUEST, "intensity": 0.5, "parameters": {"status": 502}}
    response = service.admin("POST", "/faults", json=body)
    assert response.status_code == 201
    fault = response.json
    assert (fault["fault"], fault["target"], fault["intensity"]) == ("errors", "*", 0.5)
    assert fault["parameters"] == {"status": 502}
    duration = datetime.fromisoformat(fault["ends_at"]) - datetime.fromisoformat(fault["started_at"])
    assert duration.total_seconds() == pytest.approx(60, abs=0.002)
    assert service.admin("GET", "/faults").json["active"] == [fault]
    assert service.sample(names.FAULT_ACTIVE, fault="errors", target="*") == 1
    assert service.admin("DELETE", "/faults/errors").status_code == 204
    assert service.admin("GET", "/faults").json["active"] == []
    assert service.sample(names.FAULT_ACTIVE, fault="errors", target="*") == 0
    on, off = service.lines("audit")
    assert (on["event"], on["fault"], on["intensity"], on["duration_seconds"]) == ("fault.on", "errors", 0.5, 60)
    assert (off["event"], off["fault"], off["reason"]) == ("fault.off", "errors", "deleted")
    assert on["trace_id"] != off["trace_id"]


def test_available_faults_are_listed_with_their_parameters(service):
    errors, latency = service.admin("GET", "/faults").json["available"]
    assert (errors["name"], errors["dimensions"]) == ("errors", [])
    assert errors["parameters"]["status"]["default"] == 503
    assert (latency["dimensions"], latency["parameters"]) == (["route", "business_id", "model"], {})


def test_all_faults_are_stopped_together(service):
    service.admin("POST", "/faults", json=REQUEST)
    service.admin("POST", "/faults", json={"fault": "latency", "duration_seconds": 60, "target": "route=/search"})
    assert service.admin("DELETE", "/faults").status_code == 204
    assert service.faults.document()["active"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"fault": "errors"}, "duration_seconds"),
        ({**REQUEST, "duration_seconds": 0.5}, "duration_seconds"),
        ({**REQUEST, "duration_seconds": 3601}, "duration_seconds"),
        ({**REQUEST, "intensity": 0}, "intensity"),
        ({**REQUEST, "intensity": 1.1}, "intensity"),
        ({**REQUEST, "forever": True}, "forever"),
        ({**REQUEST, "parameters": {"status": 404}}, "parameters.status"),
        ({**REQUEST, "parameters": {"seconds": 1}}, "parameters.seconds"),
        ({**REQUEST, "parameters": []}, "parameters"),
    ],
)
def test_an_invalid_fault_request_is_refused(service, body, field):
    response = service.admin("POST", "/faults", json=body)
    assert response.status_code == 422
    assert [error["field"] for error in response.json["errors"]] == [field]
    assert service.sample(names.ADMIN_REQUESTS, action="faults.on", result="invalid") == 1
    assert service.faults.document()["active"] == []


def test_unknown_faults_and_targets_are_refused_with_the_known_ones(service):
    response = service.admin("POST", "/faults", json={**REQUEST, "fault": "flood"})
    assert (response.status_code, response.json["type"]) == (422, "/problems/unknown-fault")
    assert "errors, latency" in response.json["detail"]
    response = service.admin("POST", "/faults", json={**REQUEST, "target": "biz-1"})
    assert (response.status_code, response.json["type"]) == (422, "/problems/unknown-target")
    assert service.admin("DELETE", "/faults/flood").status_code == 404


def test_a_fault_ends_by_itself(service):
    service.faults.start(FaultRequest(fault="errors", duration_seconds=1))
    assert service.faults.active("errors")
    assert eventually(lambda: service.sample(names.FAULT_ACTIVE, fault="errors", target="*") == 0)
    assert service.faults.active("errors") is None
    assert service.faults.document()["active"] == []
    # The line is written after the gauge is set.
    assert eventually(lambda: len(service.lines("audit")) == 2)
    assert [(line["event"], line.get("reason")) for line in service.lines("audit")] == [
        ("fault.on", None),
        ("fault.off", "ended"),
    ]


def test_a_fault_that_was_replaced_ends_by_its_new_time(service):
    first = service.faults.start(FaultRequest(fault="errors", duration_seconds=1))
    second = service.faults.start(FaultRequest(fault="errors", duration_seconds=60, intensity=0.5))
    service.faults._end(first, "ended")  # as the first one's timer would, had it not been stopped
    assert service.faults.active("errors") is second
    assert service.sample(names.FAULT_ACTIVE, fault="errors", target="*") == 1


def test_a_seed_repeats_the_draws(service):
    def run():
        registry = type(service.faults)(_Apart(service.telemetry), list(service.faults._faults.values()), seed=3)
        fault = registry.start(FaultRequest(fault="errors", duration_seconds=60, intensity=0.3))
        draws = [fault.draw() for _ in range(1000)]
        registry.stop()
        return draws

    first = run()
    assert first == run()
    assert 250 < sum(first) < 350


class _Apart:
    """Telemetry whose metrics are not registered, so that a second registry may have them."""

    def __init__(self, telemetry):
        self.log = telemetry.log

    def gauge(self, *args, **kwargs):
        return Gauge("apart", "doc", names.FAULT_LABELS, registry=None)

    def counter(self, *args, **kwargs):
        return Counter("apart", "doc", ["fault"], registry=None)


def test_full_intensity_always_hits_and_no_fault_never_does(service):
    assert service.faults.hit("errors") is None
    service.faults.start(FaultRequest(fault="errors", duration_seconds=60))
    assert all(service.faults.hit("errors") for _ in range(100))


def test_concurrent_starts_and_stops_leave_one_state(service):
    def switch(number):
        if number % 2:
            service.faults.start(FaultRequest(fault="errors", duration_seconds=60))
        else:
            service.faults.stop("errors")
        service.faults.hit("errors")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(switch, range(400)))
    active = service.faults.document()["active"]
    assert service.sample(names.FAULT_ACTIVE, fault="errors", target="*") == len(active)
    service.faults.stop()
    alive = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert eventually(lambda: not any(thread.is_alive() for thread in alive))


def test_stopping_an_unknown_fault_is_a_404(service):
    with pytest.raises(Problem) as caught:
        service.faults.stop("flood")
    assert caught.value.status == 404


def test_the_log_level_is_set_and_audited(service):
    assert service.admin("PUT", "/log-level", json={"level": "ERROR"}).status_code == 200
    service.telemetry.log("application", "e", "not written")
    assert service.lines("application") == []
    assert service.admin("PUT", "/log-level", json={"level": "LOUD"}).status_code == 422
    assert service.admin("PUT", "/log-level", json={"level": "DEBUG"}).json == {"level": "DEBUG"}
    assert [line["log_level"] for line in service.lines("audit")] == ["ERROR", "DEBUG"]


@pytest.fixture
def master(service):
    """A process in the place of the gunicorn that serves the app."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    service.app.extensions[MASTER] = process.pid
    yield process
    process.kill()
    process.wait()


def test_a_restart_terminates_the_server_after_the_response(service, master):
    response = service.admin("POST", "/restart")
    assert (response.status_code, response.json) == (202, {"status": "restarting"})
    assert master.poll() is None
    response.close()
    assert master.wait(5) == -signal.SIGTERM
    (line,) = service.lines("audit")
    assert (line["event"], line["level"], line["master"]) == ("admin.restart", "warning", master.pid)
    assert line["trace_id"]
    assert service.sample(names.ADMIN_REQUESTS, action="restart", result="ok") == 1


def test_a_restart_of_an_exited_server_is_no_error(service, master):
    master.kill()
    master.wait()
    response = service.admin("POST", "/restart")
    response.close()
    assert response.status_code == 202


def test_a_restart_without_the_token_is_refused(service, master):
    service.admin("POST", "/restart", token="wrong").close()
    assert master.poll() is None


def test_without_gunicorn_a_restart_is_refused(service):
    response = service.admin("POST", "/restart")
    assert (response.status_code, response.json["type"]) == (409, "/problems/not-restartable")
    assert service.lines("audit") == []
    assert service.sample(names.ADMIN_REQUESTS, action="restart", result="invalid") == 1


def test_openapi_lists_the_responses_of_a_restart(service):
    operation = service.client.get("/openapi.json").json["paths"]["/admin/restart"]["post"]
    assert set(operation["responses"]) >= {"202", "401", "409"}
    assert "200" not in operation["responses"]
    assert operation["security"] == [{"adminToken": []}]


def test_admin_series_start_at_zero(service):
    for action in ("faults.list", "faults.on", "faults.off", "log-level", "restart"):
        for result in ("ok", "refused", "invalid"):
            assert service.sample(names.ADMIN_REQUESTS, action=action, result=result) == 0
    for fault in ("errors", "latency", "hidden"):
        assert service.sample(names.FAULT_ACTIVE, fault=fault, target="*") == 0
        assert service.sample(names.FAULT_HITS, fault=fault) == 0
