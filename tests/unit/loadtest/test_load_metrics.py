"""The metrics page of the load: own figures, those of scenarios, the journey; few labels, totals that never fall."""

import json
import urllib.request
from collections.abc import Callable

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from loadtest import counting, metrics
from loadtest.figures import Figures, total
from services.telemetry import names


def figures(requests: int = 1, users: int = 2, failed: int = 0) -> Figures:
    made = Figures(users={"Customer": users})
    for number in range(requests):
        made.request("chat", "POST", 0.3, ok=number >= failed)
    made.bookings["confirmed"] = requests
    return made


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_the_names_are_those_that_dashboards_read(registry: CollectorRegistry) -> None:
    for name in ("LOCUST_USERS", "LOCUST_REQUESTS", "LOCUST_DURATION", "LOCUST_BOOKINGS"):
        assert getattr(metrics, name) == getattr(names, name)
    for name in ("JOURNEY_RUNS", "JOURNEY_DURATION", "JOURNEY_UP", "JOURNEY_FAILURES"):
        assert getattr(metrics, name) == getattr(names, name)
    registry.register(metrics.Load(figures))
    metrics.JourneyMetrics(registry).ran(None, 1.0)
    labels = {
        sample.name: set(sample.labels) - {"le"}
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert labels[names.LOCUST_USERS] == set(names.LOCUST_USERS_LABELS)
    assert labels[names.LOCUST_REQUESTS] == set(names.LOCUST_REQUESTS_LABELS)
    assert labels[f"{names.LOCUST_DURATION}_bucket"] == set(names.LOCUST_DURATION_LABELS)
    assert labels[names.LOCUST_BOOKINGS] == set(names.LOCUST_BOOKINGS_LABELS)
    assert labels[names.JOURNEY_RUNS] == set(names.JOURNEY_RUNS_LABELS)


def test_both_outcomes_exist_from_the_first_request_and_buckets_add_up(registry: CollectorRegistry) -> None:
    own = figures(requests=3, failed=1)
    own.request("chat", "POST", 99.0, ok=True)
    registry.register(metrics.Load(lambda: own))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"origin": "always-on", "name": "chat", **labels})

    assert value(names.LOCUST_REQUESTS, method="POST", outcome="ok") == 3
    assert value(names.LOCUST_REQUESTS, method="POST", outcome="failed") == 1
    bucket = f"{names.LOCUST_DURATION}_bucket"
    assert [value(bucket, le=le) for le in ("0.25", "0.5", "15.0", "+Inf")] == [0, 3, 3, 4]
    assert value(f"{names.LOCUST_DURATION}_sum") == pytest.approx(99.9)


def test_totals_of_scenarios_only_grow_and_their_users_go(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = metrics.Load(Figures)
    registry.register(load)

    def seen() -> tuple[float | None, float | None, float | None]:
        labels = {"origin": "scenario"}
        chat = {**labels, "name": "chat", "method": "POST", "outcome": "ok"}
        users = registry.get_sample_value(names.LOCUST_USERS, {**labels, "user": "Customer"})
        confirmed = registry.get_sample_value(names.LOCUST_BOOKINGS, {**labels, "event": "confirmed"})
        return registry.get_sample_value(names.LOCUST_REQUESTS, chat), users, confirmed

    assert seen() == (None, None, 0)
    load.hear("one", figures(5, users=3))
    load.hear("one", figures(7, users=4))
    assert seen() == (7, 4, 7)
    load.hear("two", figures(1, users=2))
    assert seen() == (8, 2, 8)
    monkeypatch.setattr(metrics, "_SILENCE_SECONDS", -1.0)
    assert seen() == (8, None, 8)


def test_names_without_end_become_other() -> None:
    made = Figures()
    for number in range(100):
        made.request(f"/appointments/{number}", f"M{number}", 0.1, ok=True)
    assert len(made.timings) == 17
    assert sum(made.timings["other"].counts) == 84
    assert {method for _, method, _ in made.requests} == {"other"}


def test_figures_survive_the_way_and_add_up() -> None:
    sent = figures(4, failed=1)
    again = Figures.read(json.loads(json.dumps(sent.document())))
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


@pytest.mark.parametrize("spoil", BAD)
def test_what_is_no_figures_is_refused_and_changes_nothing(spoil: Callable[[dict], object]) -> None:
    app, load = Flask(__name__), metrics.Load(Figures)
    counting.receive(app, load)
    client = app.test_client()
    good = {"run": "one", "figures": figures(3).document()}
    assert client.post("/figures", json=good).status_code == 204
    bad = {"run": "two", "figures": figures(9).document()}
    spoil(bad["figures"])
    assert client.post("/figures", json=bad).status_code == 400
    assert client.post("/figures", data=json.dumps(good)).status_code == 400  # not sent as JSON: any page could
    assert client.post("/figures", json=[]).status_code == 400
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
    runs = {sample.labels["step"]: sample.value for sample in samples if sample.name == names.JOURNEY_RUNS}
    assert runs == {"none": 0, "book": 0, "read": 0, "cancel": 0}
    assert names.JOURNEY_UP not in {sample.name for sample in samples}  # nobody knows yet
    journey.ran("read", 1.0)
    journey.ran("book", 2.0)
    assert registry.get_sample_value(names.JOURNEY_UP) == 0
    assert registry.get_sample_value(names.JOURNEY_FAILURES) == 2
    journey.ran(None, 2.0)
    assert registry.get_sample_value(names.JOURNEY_UP) == 1
    assert registry.get_sample_value(names.JOURNEY_FAILURES) == 0
