"""The metrics page of the load: own stats, those of scenarios, the journey; few labels, totals that never fall."""

import json
import urllib.request
from collections.abc import Callable

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from loadtest.stats import collector, metric_names, metrics
from loadtest.stats.load_stats import LoadStats, total


def stats(requests: int = 1, users: int = 2, failed: int = 0) -> LoadStats:
    made = LoadStats(users={"Customer": users})
    for number in range(requests):
        made.request("chat", "POST", 0.3, ok=number >= failed)
    made.bookings["confirmed"] = requests
    return made


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_the_metrics_have_the_declared_names_and_labels(registry: CollectorRegistry) -> None:
    registry.register(metrics.LoadMetrics(stats))
    metrics.JourneyMetrics(registry).record(None, 1.0)
    labels = {
        sample.name: set(sample.labels) - {"le"}
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert labels[metric_names.LOCUST_USERS] == set(metric_names.LOCUST_USERS_LABELS)
    assert labels[metric_names.LOCUST_REQUESTS] == set(metric_names.LOCUST_REQUESTS_LABELS)
    assert labels[f"{metric_names.LOCUST_DURATION}_bucket"] == set(metric_names.LOCUST_DURATION_LABELS)
    assert labels[metric_names.LOCUST_BOOKINGS] == set(metric_names.LOCUST_BOOKINGS_LABELS)
    assert labels[metric_names.JOURNEY_RUNS] == set(metric_names.JOURNEY_RUNS_LABELS)


def test_both_outcomes_exist_from_the_first_request_and_buckets_add_up(registry: CollectorRegistry) -> None:
    own = stats(requests=3, failed=1)
    own.request("chat", "POST", 99.0, ok=True)
    registry.register(metrics.LoadMetrics(lambda: own))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"origin": "baseline", "name": "chat", **labels})

    assert value(metric_names.LOCUST_REQUESTS, method="POST", outcome="ok") == 3
    assert value(metric_names.LOCUST_REQUESTS, method="POST", outcome="failed") == 1
    bucket = f"{metric_names.LOCUST_DURATION}_bucket"
    assert [value(bucket, le=le) for le in ("0.25", "0.5", "15.0", "+Inf")] == [0, 3, 3, 4]
    assert value(f"{metric_names.LOCUST_DURATION}_sum") == pytest.approx(99.9)


def test_totals_of_scenarios_only_grow_and_their_users_go(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = metrics.LoadMetrics(LoadStats)
    registry.register(load)

    def seen() -> tuple[float | None, float | None, float | None]:
        labels = {"origin": "scenario"}
        chat = {**labels, "name": "chat", "method": "POST", "outcome": "ok"}
        users = registry.get_sample_value(metric_names.LOCUST_USERS, {**labels, "user": "Customer"})
        confirmed = registry.get_sample_value(metric_names.LOCUST_BOOKINGS, {**labels, "event": "confirmed"})
        return registry.get_sample_value(metric_names.LOCUST_REQUESTS, chat), users, confirmed

    assert seen() == (None, None, 0)
    load.update("one", stats(5, users=3))
    load.update("one", stats(7, users=4))
    assert seen() == (7, 4, 7)
    load.update("two", stats(1, users=2))
    assert seen() == (8, 2, 8)
    monkeypatch.setattr(metrics, "_STALE_SECONDS", -1.0)
    assert seen() == (8, None, 8)


def test_names_without_end_become_other() -> None:
    made = LoadStats()
    for number in range(100):
        made.request(f"/appointments/{number}", f"M{number}", 0.1, ok=True)
    assert len(made.timings) == 17
    assert sum(made.timings["other"].counts) == 84
    assert {method for _, method, _ in made.requests} == {"other"}


def test_figures_survive_the_way_and_add_up() -> None:
    sent = stats(4, failed=1)
    again = LoadStats.read(json.loads(json.dumps(sent.document())))
    assert again == sent
    both = total((sent, again))
    assert both.requests["chat", "POST", "ok"] == 6
    assert both.users == {"Customer": 4}
    assert sum(both.timings["chat"].counts) == 8


BAD: list[Callable[[dict], object]] = [
    lambda good: good["users"].update({"x" * 65: 1}),
    lambda good: good["users"].update({f"u{number}": 1 for number in range(30)}),
    lambda good: good["requests"].append(["chat", "POST", "maybe", 1]),
    lambda good: good["requests"].append(["chat", "POST", "ok", -1]),
    lambda good: good["timings"].update({"chat": [[1, 2], 3.0]}),
    lambda good: good.pop("bookings"),
    lambda good: good.update({"users": []}),
]


@pytest.mark.parametrize("corrupt", BAD)
def test_what_is_no_figures_is_refused_and_changes_nothing(corrupt: Callable[[dict], object]) -> None:
    app, load = Flask(__name__), metrics.LoadMetrics(LoadStats)
    collector.receive(app, load)
    client = app.test_client()
    good = {"run": "one", "stats": stats(3).document()}
    assert client.post("/load-stats", json=good).status_code == 204
    bad = {"run": "two", "stats": stats(9).document()}
    corrupt(bad["stats"])
    assert client.post("/load-stats", json=bad).status_code == 400
    assert client.post("/load-stats", data=json.dumps(good)).status_code == 400  # not sent as JSON: any page could
    assert client.post("/load-stats", json=[]).status_code == 400
    requests = next(family for family in load.collect() if family.name == "locust_requests")
    assert {sample.value for sample in requests.samples if sample.labels["origin"] == "scenario"} == {3.0, 0.0}


def test_the_page_is_served(registry: CollectorRegistry) -> None:
    journey = metrics.JourneyMetrics(registry)
    server = metrics.serve(registry, "127.0.0.1:0")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    runs = {sample.labels["step"]: sample.value for sample in samples if sample.name == metric_names.JOURNEY_RUNS}
    assert runs == {"none": 0, "book": 0, "read": 0, "cancel": 0}
    assert metric_names.JOURNEY_UP not in {sample.name for sample in samples}  # no one knows yet
    journey.record("read", 1.0)
    journey.record("book", 2.0)
    assert registry.get_sample_value(metric_names.JOURNEY_UP) == 0
    assert registry.get_sample_value(metric_names.JOURNEY_FAILURES) == 2
    journey.record(None, 2.0)
    assert registry.get_sample_value(metric_names.JOURNEY_UP) == 1
    assert registry.get_sample_value(metric_names.JOURNEY_FAILURES) == 0
