"""What every request leaves behind: measurement, access line, headers, span."""

import re
import threading

import pytest
from flask import Response, abort

from services.telemetry import names, tracing

COUNT = f"{names.HTTP_DURATION}_count"


def series(seen, route, status, method="GET"):
    return seen.sample(COUNT, http_request_method=method, http_route=route, http_response_status_code=str(status))


def test_access_line_has_the_agreed_fields_and_leads_to_the_trace(seen):
    @seen.app.get("/b/<name>")
    def view(name):
        seen.telemetry.bind(business_id="biz-1", user_id="joe")
        return "hi"

    response = seen.app.test_client().get("/b/secret-name?mail=joe@example.org")
    (line,) = seen.lines()
    (span,) = seen.spans()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert 0 < line.pop("duration_ms") < 1000
    assert line == {
        "level": "info",
        "logger": "http",
        "event": "http.request",
        "message": "GET /b/<name> 200",
        "kind": "access",
        "service": "example",
        "trace_id": f"{span.context.trace_id:032x}",
        "span_id": f"{span.context.span_id:016x}",
        "trace_flags": f"{span.context.trace_flags:02x}",
        "request_id": response.headers["X-Request-Id"],
        "business_id": "biz-1",
        "user_id": seen.telemetry.hash_user("joe"),
        "method": "GET",
        "route": "/b/<name>",
        "status": 200,
        "bytes": 2,
    }
    assert response.headers["X-Trace-Id"] == line["trace_id"]


def test_server_span_has_stable_names_and_no_values_of_the_query(seen):
    @seen.app.get("/hi")
    def view():
        seen.telemetry.bind(business_id="biz-1", user_id="joe")
        return "hi"

    seen.app.test_client().get("/hi?user_id=joe&mail=joe@example.org")
    (span,) = seen.spans()
    assert span.name == "GET /hi"
    assert span.attributes["http.route"] == "/hi"
    assert span.attributes["http.request.method"] == "GET"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["url.query"] == "user_id=****&mail=****"
    assert span.attributes["business_id"] == "biz-1"
    assert "joe" not in str(dict(span.attributes)).replace(seen.telemetry.hash_user("joe"), "")


def test_the_caller_s_trace_is_continued(seen):
    seen.app.add_url_rule("/hi", "hi", lambda: "hi")
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    assert seen.app.test_client().get("/hi", headers=headers).headers["X-Trace-Id"] == trace_id


@pytest.mark.parametrize("path", [*tracing.EXCLUDED_PATHS, "/static/page.css"])
def test_probes_are_neither_traced_nor_logged_nor_measured(seen, path):
    seen.app.test_client().get(path)
    assert seen.spans() == []
    assert seen.lines() == []
    assert COUNT not in seen.scrape()


@pytest.mark.parametrize("path", ["/healthy", "/api/health", "/metrics/x", "/x?next=/health"])
def test_what_only_looks_like_a_probe_is_seen(seen, path):
    seen.app.test_client().get(path)
    assert len(seen.spans()) == len(seen.lines("access")) == 1
    assert series(seen, "other", 404) == 1


@pytest.mark.parametrize(("status", "level"), [(204, "info"), (302, "info"), (404, "warning"), (503, "error")])
def test_status_is_counted_and_decides_the_level(seen, status, level):
    @seen.app.post("/x")
    def view():
        return abort(status) if status >= 400 else ("", status)

    seen.app.test_client().post("/x")
    assert series(seen, "/x", status, "POST") == 1
    assert [line["level"] for line in seen.lines("access")] == [level]


def test_unknown_paths_and_methods_share_one_series(seen):
    client = seen.app.test_client()
    for number in range(20):
        client.open(f"/nothing/{number}", method=f"BREW{number}")
    assert series(seen, "other", 404, "_OTHER") == 20


def test_given_request_id_is_kept_when_it_is_one(seen):
    seen.app.add_url_rule("/hi", "hi", lambda: "hi")
    client = seen.app.test_client()
    assert client.get("/hi", headers={"X-Request-Id": "order-17.a_b"}).headers["X-Request-Id"] == "order-17.a_b"
    for bad in ("x" * 65, "a b", "<script>", ""):
        given = client.get("/hi", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert re.fullmatch("[0-9a-f]{32}", given)


def test_a_stream_is_measured_at_its_end(seen):
    go_on = threading.Event()

    @seen.app.get("/stream")
    def view():
        def body():
            yield "a"
            assert go_on.wait(5)
            yield "b"

        return Response(body())

    response = seen.app.test_client().get("/stream")
    assert series(seen, "/stream", 200) is None
    go_on.set()
    assert response.text == "ab"
    response.close()
    assert series(seen, "/stream", 200) == 1


def test_active_requests_rise_and_fall(seen):
    during = []

    @seen.app.get("/hi")
    def view():
        during.append(seen.sample(names.HTTP_ACTIVE))
        raise RuntimeError

    seen.app.test_client().get("/hi")
    assert during == [1]
    assert seen.sample(names.HTTP_ACTIVE) == 0
    assert series(seen, "/hi", 500) == 1


def test_slow_requests_get_a_performance_line(make_app):
    seen = make_app(slow_request_seconds=0.02)
    wait = threading.Event()
    seen.app.add_url_rule("/slow", "slow", lambda: str(wait.wait(0.03)))
    seen.app.add_url_rule("/fast", "fast", lambda: "x")
    client = seen.app.test_client()
    client.get("/slow")
    client.get("/fast")
    (line,) = seen.lines("performance")
    assert (line["event"], line["route"], line["limit_ms"], line["level"]) == ("http.slow", "/slow", 20.0, "warning")
    assert line["trace_id"] == seen.lines("access")[0]["trace_id"]


def test_switched_off_only_the_metrics_page_is_left(make_app):
    seen = make_app(telemetry_off=True)

    @seen.app.get("/hi")
    def view():
        seen.telemetry.log("audit", "e", "text")
        seen.telemetry.bind(business_id="biz-1", user_id="joe")
        with seen.telemetry.tracer.start_as_current_span("x"):
            return str(seen.telemetry.current_trace_id())

    assert seen.app.test_client().get("/hi").text == "None"
    assert (seen.lines(), seen.spans()) == ([], [])
    assert COUNT not in seen.scrape()
    assert names.PROCESS_MEMORY in seen.scrape()


def test_one_request_s_context_does_not_reach_the_next(seen):
    @seen.app.get("/first")
    def first():
        seen.telemetry.bind(business_id="biz-1", user_id="joe")
        return "x"

    seen.app.add_url_rule("/second", "second", lambda: "x")
    client = seen.app.test_client()
    client.get("/first")
    client.get("/second")
    second = seen.lines("access")[1]
    assert "business_id" not in second
    assert "user_id" not in second
