"""What every request leaves behind: measurement, access line, headers, span."""

import re
import threading
import time

import pytest
from flask import Response, abort, has_request_context
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from services.telemetry import names
from services.telemetry.privacy import hash_user

COUNT = f"{names.HTTP_DURATION}_count"


def series(service, route, status, method="GET"):
    return service.sample(COUNT, http_request_method=method, http_route=route, http_response_status_code=str(status))


def test_access_line_has_its_fields_and_the_trace_id(service):
    @service.app.get("/b/<name>")
    def view(name):
        service.telemetry.bind(business_id="biz-1", user_id="joe")
        return "hi"

    response = service.app.test_client().get("/b/secret-name?mail=joe@example.org")
    (line,) = service.lines()
    (span,) = service.spans()
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
        "user_id": hash_user("joe"),
        "method": "GET",
        "route": "/b/<name>",
        "status": 200,
        "bytes": 2,
    }
    assert response.headers["X-Trace-Id"] == line["trace_id"]


def test_server_span_has_stable_names_and_no_values_of_the_query(service):
    @service.app.get("/hi")
    def view():
        service.telemetry.bind(business_id="biz-1", user_id="joe")
        return "hi"

    service.app.test_client().get("/hi?user_id=joe&mail=joe@example.org")
    (span,) = service.spans()
    assert span.name == "GET /hi"
    assert span.attributes["http.route"] == "/hi"
    assert span.attributes["http.request.method"] == "GET"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["url.query"] == "user_id=****&mail=****"
    assert span.attributes["business_id"] == "biz-1"
    assert "joe" not in str(dict(span.attributes)).replace(hash_user("joe"), "")


def test_the_caller_s_trace_is_continued(service):
    service.app.add_url_rule("/hi", "hi", lambda: "hi")
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    assert service.app.test_client().get("/hi", headers=headers).headers["X-Trace-Id"] == trace_id


@pytest.mark.parametrize("path", [*names.PROBE_PATHS, "/static/page.css"])
def test_probes_are_neither_traced_nor_logged_nor_measured(service, path):
    service.app.test_client().get(path)
    assert service.spans() == []
    assert service.lines() == []
    assert COUNT not in service.scrape()


@pytest.mark.parametrize("path", ["/healthy", "/api/health", "/metrics/x", "/x?next=/health"])
def test_paths_similar_to_probes_are_measured(service, path):
    service.app.test_client().get(path)
    assert len(service.spans()) == len(service.lines("access")) == 1
    assert series(service, "other", 404) == 1


@pytest.mark.parametrize(("status", "level"), [(204, "info"), (302, "info"), (404, "warning"), (503, "error")])
def test_status_is_counted_and_decides_the_level(service, status, level):
    @service.app.post("/x")
    def view():
        return abort(status) if status >= 400 else ("", status)

    service.app.test_client().post("/x")
    assert series(service, "/x", status, "POST") == 1
    assert [line["level"] for line in service.lines("access")] == [level]


def test_unknown_paths_and_methods_share_one_series(service):
    client = service.app.test_client()
    for number in range(20):
        client.open(f"/nothing/{number}", method=f"BREW{number}")
    assert series(service, "other", 404, "_OTHER") == 20


def test_a_valid_request_id_is_kept(service):
    service.app.add_url_rule("/hi", "hi", lambda: "hi")
    client = service.app.test_client()
    assert client.get("/hi", headers={"X-Request-Id": "order-17.a_b"}).headers["X-Request-Id"] == "order-17.a_b"
    for bad in ("x" * 65, "a b", "<script>", ""):
        request_id = client.get("/hi", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert re.fullmatch("[0-9a-f]{32}", request_id)


def test_a_stream_is_measured_at_its_end(service):
    go_on = threading.Event()

    @service.app.get("/stream")
    def view():
        def body():
            yield "a"
            assert go_on.wait(5)
            yield "b"

        return Response(body())

    response = service.app.test_client().get("/stream")
    assert series(service, "/stream", 200) is None
    go_on.set()
    assert response.text == "ab"
    response.close()
    assert series(service, "/stream", 200) == 1
    (line,) = service.lines("access")
    assert (line["request_id"], line["trace_id"]) == (response.headers["X-Request-Id"], response.headers["X-Trace-Id"])


@pytest.fixture
def stream(service):
    """A route whose stream takes 0.2 s between two pieces."""

    @service.app.get("/stream")
    def view():
        def body():
            yield "a"
            time.sleep(0.2)
            service.telemetry.log("application", "piece", "a piece was sent")
            yield "b"

        return Response(body())

    return service


def seconds_of(span) -> float:
    return (span.end_time - span.start_time) / 1e9


def test_the_span_of_a_stream_ends_with_it(stream):
    response = stream.app.test_client().get("/stream")
    assert stream.spans() == []
    assert stream.sample(names.HTTP_ACTIVE) == 1
    assert response.text == "ab"
    (span,) = stream.spans()
    assert seconds_of(span) >= 0.2
    assert stream.sample(names.HTTP_ACTIVE) == 0
    assert not has_request_context()
    (line,) = stream.lines("application")
    assert line["trace_id"] == f"{span.context.trace_id:032x}" == response.headers["X-Trace-Id"]
    assert line["request_id"] == response.headers["X-Request-Id"]


def test_the_span_of_a_stream_ends_when_the_client_disconnects(stream):
    for pieces in (0, 1):
        response = stream.app.test_client().get("/stream", buffered=False)
        assert [next(response.iter_encoded()) for _ in range(pieces)] == [b"a"] * pieces
        time.sleep(0.05)
        assert len(stream.spans()) == pieces
        response.close()
        span = stream.spans()[-1]
        assert len(stream.spans()) == pieces + 1
        assert seconds_of(span) >= 0.05
        assert span.status.status_code is StatusCode.UNSET
        assert stream.sample(names.HTTP_ACTIVE) == 0
        assert not has_request_context()
        assert not trace.get_current_span().get_span_context().is_valid
    assert series(stream, "/stream", 200) == 2


def test_the_response_to_head_of_a_stream_ends_its_span(stream):
    stream.app.test_client().head("/stream").close()
    assert len(stream.spans()) == 1
    assert stream.sample(names.HTTP_ACTIVE) == 0


def test_a_stream_that_fails_ends_its_span(service):
    @service.app.get("/stream")
    def view():
        def body():
            yield "a"
            raise ValueError("the rest is missing")

        return Response(body())

    response = service.app.test_client().get("/stream")
    with pytest.raises(ValueError, match="the rest is missing"):
        _ = response.text
    assert len(service.spans()) == 1
    assert not has_request_context()


def test_active_requests_rise_and_fall(service):
    during = []

    @service.app.get("/hi")
    def view():
        during.append(service.sample(names.HTTP_ACTIVE))
        raise RuntimeError

    service.app.test_client().get("/hi")
    assert during == [1]
    assert service.sample(names.HTTP_ACTIVE) == 0
    assert series(service, "/hi", 500) == 1


def test_slow_requests_get_a_performance_line(make_app):
    service = make_app(slow_request_seconds=0.02)
    wait = threading.Event()
    service.app.add_url_rule("/slow", "slow", lambda: str(wait.wait(0.03)))
    service.app.add_url_rule("/fast", "fast", lambda: "x")
    client = service.app.test_client()
    client.get("/slow")
    client.get("/fast")
    (line,) = service.lines("performance")
    assert (line["event"], line["route"], line["limit_ms"], line["level"]) == ("http.slow", "/slow", 20.0, "warning")
    assert line["trace_id"] == service.lines("access")[0]["trace_id"]


def test_with_telemetry_off_only_metrics_are_served(make_app):
    service = make_app(telemetry_off=True)

    @service.app.get("/hi")
    def view():
        service.telemetry.log("audit", "e", "text")
        service.telemetry.bind(business_id="biz-1", user_id="joe")
        with service.telemetry.tracer.start_as_current_span("x"):
            return str(service.telemetry.current_trace_id())

    assert service.app.test_client().get("/hi").text == "None"
    assert (service.lines(), service.spans()) == ([], [])
    assert COUNT not in service.scrape()
    assert names.PROCESS_MEMORY in service.scrape()


def test_one_request_s_context_does_not_reach_the_next(service):
    @service.app.get("/first")
    def first():
        service.telemetry.bind(business_id="biz-1", user_id="joe")
        return "x"

    service.app.add_url_rule("/second", "second", lambda: "x")
    client = service.app.test_client()
    client.get("/first")
    client.get("/second")
    second = service.lines("access")[1]
    assert "business_id" not in second
    assert "user_id" not in second
