"""Registries, exemplars, first scrapes, and labels that stay bounded."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from services.telemetry import names

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def test_two_apps_in_one_process_have_independent_metrics(make_app):
    first, second = make_app("first"), make_app("second")
    for service in (first, second):
        service.app.add_url_rule("/hi", "hi", lambda: "hi")
    first.app.test_client().get("/hi")
    labels = {"http_request_method": "GET", "http_route": "/hi", "http_response_status_code": "200"}
    assert first.sample(f"{names.HTTP_DURATION}_count", **labels) == 1
    assert second.sample(f"{names.HTTP_DURATION}_count", **labels) is None
    assert [line["service"] for line in first.lines("access")] == ["first"]
    assert second.lines() == []
    assert (len(first.spans()), len(second.spans())) == (1, 0)


def test_initial_series_are_zero_in_the_first_scrape(service):
    service.telemetry.counter(names.FALLBACKS, "doc", names.FALLBACKS_LABELS, initial=[{"reason": "budget"}])
    service.telemetry.gauge(names.DATABASE_UP, "doc")
    service.telemetry.histogram("h_seconds", "doc", ("a",), (1, 2), initial=[{"a": "x"}])
    text = service.scrape()
    assert 'ai_fallbacks_total{reason="budget"} 0.0\n' in text
    assert "ai_database_up 0.0\n" in text
    assert 'h_seconds_bucket{a="x",le="+Inf"} 0.0\n' in text


def test_no_created_series(service):
    service.telemetry.counter("some_total", "doc")
    for accept in (OPENMETRICS, "text/plain"):
        assert "_created" not in service.scrape(accept)


def test_exemplar_names_the_trace_of_the_request(service):
    counter = service.telemetry.counter("some_total", "doc", ("k",))
    histogram = service.telemetry.histogram("some_seconds", "doc", (), (1.0,))

    @service.app.get("/hi")
    def hi():
        service.telemetry.inc(counter, k="v")
        service.telemetry.observe(histogram, 0.5)
        return "hi"

    trace_id = service.app.test_client().get("/hi").headers["X-Trace-Id"]
    text = service.scrape()
    assert re.search(rf'some_total{{k="v"}} 1.0 # {{trace_id="{trace_id}"}}', text)
    assert re.search(rf'some_seconds_bucket{{le="1.0"}} 1.0 # {{trace_id="{trace_id}"}}', text)
    assert re.search(rf'{names.HTTP_DURATION}_bucket{{.*http_route="/hi",.*# {{trace_id="{trace_id}"}}', text)
    assert f"{service.spans()[0].context.trace_id:032x}" == trace_id


def test_an_unsampled_trace_has_no_exemplar(make_app):
    service = make_app(sampler=ALWAYS_OFF)
    service.app.add_url_rule("/hi", "hi", lambda: "hi")
    response = service.app.test_client().get("/hi")
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Trace-Id"])
    assert 'http_route="/hi"' in service.scrape()
    assert "# {" not in service.scrape()


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0"),
        ("text/html,*/*;q=0.8", "text/plain; version=0.0.4"),
        ("", "text/plain; version=0.0.4"),
        ("application/openmetrics-text; version=word", "text/plain; version=0.0.4"),
    ],
)
def test_content_type_follows_the_accept_header(service, accept, content_type):
    response = service.app.test_client().get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(content_type)
    assert response.text.endswith("# EOF\n") == content_type.startswith("application/openmetrics")


def test_values_beyond_the_cardinality_limit_become_other_and_are_counted(service):
    limiter = service.telemetry.limit_cardinality("business_id", limit=3, allowed=["allowed"])
    assert [limiter(value) for value in ("allowed", "a", "b", "c", "a", "d", "other")] == [
        "allowed", "a", "b", "other", "a", "other", "other",
    ]  # fmt: skip
    assert service.sample(names.LABEL_OVERFLOW, label="business_id") == 2


def test_the_cardinality_limit_holds_under_threads(service):
    limiter = service.telemetry.limit_cardinality("business_id", limit=10)
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(limiter, [f"b{number % 200}" for number in range(4000)]))
    assert len(values) == 11


def test_series_of_an_idle_app_are_few(service):
    # A scrape holds the interpreter while it is written; 2,500 are allowed for a whole service.
    assert len([line for line in service.scrape().splitlines() if not line.startswith("#")]) < 100


def test_every_metric_name_of_ours_follows_the_conventions():
    metrics = {
        name: value
        for name, value in vars(names).items()
        if isinstance(value, str) and name.isupper() and not name.startswith(("SPAN_", "OTHER"))
    }
    assert len(metrics) == len(set(metrics.values())) > 30
    for value in metrics.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", value), value
