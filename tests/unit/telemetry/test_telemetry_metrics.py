"""Registries, exemplars, first scrapes, and labels that stay bounded."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from services.telemetry import names

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def test_two_apps_in_one_process_count_apart(make_app):
    first, second = make_app("first"), make_app("second")
    for seen in (first, second):
        seen.app.add_url_rule("/hi", "hi", lambda: "hi")
    first.app.test_client().get("/hi")
    labels = {"http_request_method": "GET", "http_route": "/hi", "http_response_status_code": "200"}
    assert first.sample(f"{names.HTTP_DURATION}_count", **labels) == 1
    assert second.sample(f"{names.HTTP_DURATION}_count", **labels) is None
    assert [line["service"] for line in first.lines("access")] == ["first"]
    assert second.lines() == []
    assert (len(first.spans()), len(second.spans())) == (1, 0)


def test_initial_series_stand_at_zero_in_the_first_scrape(seen):
    seen.telemetry.counter(names.FALLBACKS, "doc", names.FALLBACKS_LABELS, initial=[{"reason": "budget"}])
    seen.telemetry.gauge(names.DATABASE_UP, "doc")
    seen.telemetry.histogram("h_seconds", "doc", ("a",), (1, 2), initial=[{"a": "x"}])
    text = seen.scrape()
    assert 'ai_fallbacks_total{reason="budget"} 0.0\n' in text
    assert "ai_database_up 0.0\n" in text
    assert 'h_seconds_bucket{a="x",le="+Inf"} 0.0\n' in text


def test_no_created_series(seen):
    seen.telemetry.counter("some_total", "doc")
    for accept in (OPENMETRICS, "text/plain"):
        assert "_created" not in seen.scrape(accept)


def test_exemplar_names_the_trace_of_the_request(seen):
    counter = seen.telemetry.counter("some_total", "doc", ("k",))
    histogram = seen.telemetry.histogram("some_seconds", "doc", (), (1.0,))

    @seen.app.get("/hi")
    def hi():
        seen.telemetry.inc(counter, k="v")
        seen.telemetry.observe(histogram, 0.5)
        return "hi"

    trace_id = seen.app.test_client().get("/hi").headers["X-Trace-Id"]
    text = seen.scrape()
    assert re.search(rf'some_total{{k="v"}} 1.0 # {{trace_id="{trace_id}"}}', text)
    assert re.search(rf'some_seconds_bucket{{le="1.0"}} 1.0 # {{trace_id="{trace_id}"}}', text)
    assert re.search(rf'{names.HTTP_DURATION}_bucket{{.*http_route="/hi",.*# {{trace_id="{trace_id}"}}', text)
    assert f"{seen.spans()[0].context.trace_id:032x}" == trace_id


def test_a_trace_that_is_not_sampled_gives_no_exemplar(make_app):
    seen = make_app(sampler=ALWAYS_OFF)
    seen.app.add_url_rule("/hi", "hi", lambda: "hi")
    response = seen.app.test_client().get("/hi")
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Trace-Id"])
    assert 'http_route="/hi"' in seen.scrape()
    assert "# {" not in seen.scrape()


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0"),
        ("text/html,*/*;q=0.8", "text/plain; version=0.0.4"),
        ("", "text/plain; version=0.0.4"),
        ("application/openmetrics-text; version=word", "text/plain; version=0.0.4"),
    ],
)
def test_metrics_page_speaks_what_the_scraper_accepts(seen, accept, content_type):
    response = seen.app.test_client().get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(content_type)
    assert response.text.endswith("# EOF\n") == content_type.startswith("application/openmetrics")


def test_guard_folds_what_is_beyond_the_limit_and_counts_it(seen):
    guard = seen.telemetry.guard("business_id", limit=3, known=["known"])
    assert [guard(value) for value in ("known", "a", "b", "c", "a", "d", "other")] == [
        "known", "a", "b", "other", "a", "other", "other",
    ]  # fmt: skip
    assert seen.sample(names.FOLDED, label="business_id") == 2


def test_guard_stays_bounded_under_threads(seen):
    guard = seen.telemetry.guard("business_id", limit=10)
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(guard, [f"b{number % 200}" for number in range(4000)]))
    assert len(values) == 11


def test_series_of_an_idle_app_are_few(seen):
    # A scrape holds the interpreter while it is written; 2,500 are allowed for a whole service.
    assert len([line for line in seen.scrape().splitlines() if not line.startswith("#")]) < 100


def test_every_metric_name_of_ours_follows_the_conventions():
    metrics = {
        name: value
        for name, value in vars(names).items()
        if isinstance(value, str) and name.isupper() and not name.startswith(("SPAN_", "OTHER"))
    }
    assert len(metrics) == len(set(metrics.values())) > 30
    for value in metrics.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", value), value
