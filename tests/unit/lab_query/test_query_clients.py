"""The clients read what the real servers were seen to answer, and name the server when it does not."""

import json
import socket
from typing import Any

import pytest

from lab.query import Alertmanager, Assistant, BadAnswer, Loki, Pager, Prometheus, ServerMissing, Service, Tempo

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_prometheus_vector_scalar_and_exemplars(server: Any) -> None:
    vector = {"resultType": "vector", "result": [{"metric": {"job": "assistant"}, "value": [1700000000.5, "3"]}]}
    server.answer("GET", "/api/v1/query", {"status": "success", "data": vector})
    prometheus = Prometheus("prometheus", server.url)
    (sample,) = prometheus.query("up", at=1700000000.25)
    assert (sample.labels, sample.value, sample.time) == ({"job": "assistant"}, 3.0, 1700000000.5)
    assert server.asked[-1]["params"] == {"query": "up", "time": "1700000000.25"}
    assert prometheus.value("up") == 3.0

    server.answer("GET", "/api/v1/query", {"data": {"resultType": "scalar", "result": [1.0, "2"]}})
    assert prometheus.query("2")[0].value == 2.0

    server.answer("GET", "/api/v1/query", {"data": {"resultType": "vector", "result": []}})
    assert prometheus.value("nothing", default=-1) == -1

    one = {"labels": {"trace_id": TRACE}, "value": "0.2", "timestamp": 1700000000.1}
    server.answer("GET", "/api/v1/query_exemplars", {"data": [{"seriesLabels": {"le": "1"}, "exemplars": [one]}]})
    (exemplar,) = prometheus.exemplars("x_bucket", 1700000000, 1700000001)
    assert (exemplar.labels["trace_id"], exemplar.value, exemplar.series) == (TRACE, 0.2, {"le": "1"})


def test_prometheus_alerts(server: Any) -> None:
    alert = {
        "labels": {"alertname": "ErrorRateCritical", "severity": "page"},
        "annotations": {"summary": "s"},
        "state": "pending",
        "activeAt": "2026-11-22T14:00:00.5Z",
        "value": "1e+00",
    }
    server.answer("GET", "/api/v1/alerts", {"data": {"alerts": [alert]}})
    (found,) = Prometheus("prometheus", server.url).alerts()
    assert (found.name, found.state, found.active_at) == ("ErrorRateCritical", "pending", 1795356000.5)


def test_prometheus_says_what_is_wrong_with_a_query(server: Any) -> None:
    server.answer("GET", "/api/v1/query", {"status": "error", "errorType": "bad_data", "error": "parse error"}, 400)
    with pytest.raises(BadAnswer, match=r"prometheus answered 400 .* parse error"):
        Prometheus("prometheus", server.url).query("up{")


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(ServerMissing) as caught:
            Loki("loki", url).query("{a=`b`}")
    assert (caught.value.name, caught.value.url) == ("loki", url)
    assert "nothing listens there" in str(caught.value)


def test_a_server_that_hangs_is_missing_after_the_time_out() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ServerMissing, match=r"no answer within 0\.2 s"):
            Tempo("tempo", f"http://127.0.0.1:{silent.getsockname()[1]}").request("GET", "/", timeout=0.2)


def test_not_ready_is_missing_and_nonsense_is_a_bad_answer(server: Any) -> None:
    server.answer("GET", "/ready", b"Ingester not ready", 503)
    loki = Loki("loki", server.url)
    assert not loki.ready()
    with pytest.raises(ServerMissing, match="Ingester not ready"):
        loki.request("GET", "/ready")
    server.answer("GET", "/api/v2/alerts", b"<html>")
    with pytest.raises(BadAnswer, match="not JSON"):
        Alertmanager("alertmanager", server.url).alerts()


def test_proxy_settings_of_the_shell_are_not_used(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.answer("GET", "/-/ready", b"ok")
    assert Prometheus("prometheus", server.url).ready()


def test_loki_lines_with_and_without_categories_oldest_first(server: Any) -> None:
    streams = [
        {
            "stream": {"service_name": "assistant"},
            "values": [
                ["1700000002000000000", "late", {"structuredMetadata": {"trace_id": TRACE}, "parsed": {"a": "b"}}],
                ["1700000001000000000", "early", {}],
            ],
        },
        {"stream": {"service_name": "model"}, "values": [["1700000001500000000", "between"]]},
    ]
    server.answer("GET", "/loki/api/v1/query_range", {"data": {"resultType": "streams", "result": streams}})
    lines = Loki("loki", server.url).query('{service_name=~".+"}', start=1700000000, end=1700000010)
    assert [line.text for line in lines] == ["early", "between", "late"]
    assert lines[-1].metadata == {"trace_id": TRACE, "a": "b"}
    assert lines[-1].time == 1700000002.0
    assert server.asked[-1]["params"]["start"] == "1700000000000000000"


def test_tempo_counts_an_empty_trace_as_unknown(server: Any) -> None:
    tempo = Tempo("tempo", server.url)
    server.answer("GET", f"/api/v2/traces/{TRACE}", {"trace": {}, "metrics": {}})
    assert tempo.get(TRACE) is None
    server.answer("GET", f"/api/v2/traces/{TRACE}", b"trace not found", 404)
    assert tempo.get(TRACE) is None


def test_alertmanager_and_pager(server: Any) -> None:
    row = {
        "labels": {"alertname": "A"},
        "annotations": {},
        "startsAt": "2026-11-22T14:00:00.000Z",
        "endsAt": "0001-01-01T00:00:00.000Z",
        "status": {"state": "suppressed", "silencedBy": ["s1"], "inhibitedBy": []},
        "receivers": [{"name": "pager"}],
    }
    server.answer("GET", "/api/v2/alerts", [row])
    (alert,) = Alertmanager("alertmanager", server.url).alerts()
    assert (alert.state, alert.silenced_by, alert.receivers, alert.ends_at) == ("suppressed", ("s1",), ("pager",), None)
    incident = {
        "id": 7,
        "alert": "A",
        "severity": "page",
        "service": "assistant",
        "status": "open",
        "opened_at": "2026-11-22T14:00:00Z",
        "notified_at": "2026-11-22T14:00:20Z",
        "resolved_at": None,
        "timeline": [{"at": "2026-11-22T14:00:00Z", "event": "opened", "text": "t"}],
    }
    server.answer("GET", "/incidents", {"incidents": [incident]})
    (found,) = Pager("pager", server.url).incidents()
    assert (found.id, found.opened_at, found.notified_at) == ("7", 1795356000.0, 1795356020.0)
    assert found.resolved_at is None
    assert found.timeline[0].event == "opened"


def test_faults_are_switched_with_the_token_and_an_end(server: Any) -> None:
    active = {"fault": "errors", "target": "*", "intensity": 1.0, "started_at": "2026-11-22T14:00:00Z"}
    active |= {"ends_at": "2026-11-22T14:01:00Z", "parameters": {"status": 503}}
    server.answer("POST", "/admin/faults", active, 201)
    model = Service("model", server.url, "secret")
    fault = model.fault_on("errors", duration=60, parameters={"status": 503})
    assert fault.ends_at is not None and fault.started_at is not None
    assert fault.ends_at - fault.started_at == 60
    assert server.asked[-1]["headers"]["Authorization"] == "Bearer secret"
    assert json.loads(server.asked[-1]["body"])["duration_seconds"] == 60
    model.fault_off("errors")  # the stand-in answers 404: off already, no error
    server.answer("GET", "/admin/faults", {"title": "Unauthorized", "detail": "no"}, 401)
    with pytest.raises(BadAnswer, match="LAB_HOME"):
        model.faults()


def test_chat_reads_the_answer(server: Any) -> None:
    body = {"conversation_id": "c", "message_id": "m", "reply": "Hi", "outcome": "ok", "handoff": False}
    server.answer("POST", "/chat", body | {"appointment": None, "trace_id": TRACE})
    answer = Assistant("assistant", server.url, "").chat("hello", business_id="b")
    assert (answer.reply, answer.trace_id, answer.appointment) == ("Hi", TRACE, None)
    assert json.loads(server.asked[-1]["body"]) == {"message": "hello", "business_id": "b"}
