"""What the service says about itself, and what it counts."""

import os
import sqlite3
import time
from datetime import datetime

import pytest

from services.telemetry import names


def test_detailed_health_has_every_field(service) -> None:
    service.client.post("/track", json={})
    service.client.post("/track", json={"business_id": "lab-doctor", "event": "page_view"})
    for probe in ("/health", "/ready", "/metrics", "/stats"):
        assert service.client.get(probe).status_code == 200
    body = service.client.get("/health/detailed").get_json()
    assert (body["status"], body["service"], body["version"], body["environment"]) == (
        "healthy",
        "assistant",
        "1.2.3",
        "test",
    )
    assert set(body["uptime"]) == {"seconds", "hours", "days", "started_at"}
    assert set(body["system"]) == {"memory_usage_mb", "cpu_percent", "process_id"}
    assert body["system"]["process_id"] == os.getpid()
    last = body["requests"].pop("last_request")
    assert body["requests"] == {"total": 2, "failed": 1, "error_rate_percent": 50.0}
    assert body["health_checks"] == {
        "database_connected": True,
        "prometheus_enabled": True,
        "metrics_tracking": True,
    }
    for moment in (body["timestamp"], body["uptime"]["started_at"], last):
        assert moment.endswith("Z")
        assert abs(datetime.fromisoformat(moment).timestamp() - time.time()) < 60


def test_what_alerts_divide_is_there_at_zero(service) -> None:
    for route in ("/chat", "/predict", "/feedback", "/track", "/appointments"):
        for outcome in ("ok", "fallback", "error"):
            assert service.sample(names.AI_REQUESTS, route=route, outcome=outcome, business_id="none") == 0
    for reason in ("provider_error", "circuit_open", "budget", "throttled"):
        assert service.sample(names.FALLBACKS, reason=reason) == 0
    for stars in "12345":
        assert service.sample(names.FEEDBACK, stars=stars) == 0
    version = service.assistant.no_show.version
    assert service.sample(names.PREDICTIONS, model_version=version, outcome="no_show") == 0
    assert service.sample(names.CIRCUIT_STATE, target="model") == 0
    assert service.sample(names.DATABASE_UP) == 1


def test_labels_are_those_of_the_names(service) -> None:
    known = {
        value: getattr(names, f"{key}_LABELS") for key, value in vars(names).items() if hasattr(names, f"{key}_LABELS")
    }
    service.say()
    for family in service.telemetry.registry.collect():
        for sample in family.samples:
            base = sample.name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
            if base in known:
                assert set(sample.labels) - {"le"} == set(known[base]), sample.name


def test_requests_lead_to_their_traces(service) -> None:
    answer = service.say(business_id="lab-doctor")
    text = service.client.get("/metrics", headers={"Accept": "application/openmetrics-text"}).text
    counted = [
        line
        for line in text.splitlines()
        if line.startswith('ai_requests_total{business_id="lab-doctor",outcome="ok",route="/chat"}')
    ]
    assert len(counted) == 1
    assert f'trace_id="{answer["trace_id"]}"' in counted[0]


def test_stats_sum_up(service, model) -> None:
    model.call("book_appointment", business_id="bayview-dental-care", starts_at=service.free("bayview-dental-care"))
    service.say()
    body = service.client.get("/stats").get_json()
    assert body == {
        "tokens": {"input": 20, "output": 10},
        "cost_dollars": round((20 * 0.15 + 10 * 0.60) / 1e6, 6),
        "appointments": {"booked": 1, "moved": 0, "cancelled": 0},
        "handoffs": 0,
    }


def test_a_database_that_breaks_is_a_503_with_advice_and_counts_as_error(service) -> None:
    wish = {"business_id": "lab-doctor", "event": "page_view"}
    path = service.assistant.database.engine.url.database
    with sqlite3.connect(path) as other:
        other.execute("BEGIN EXCLUSIVE")  # a writer that never ends
        began = time.monotonic()
        answer = service.client.post("/track", json=wish)
        assert time.monotonic() - began < 5
    document = answer.get_json()
    assert (answer.status_code, document["type"]) == (503, "/problems/database-unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert service.sample(names.AI_REQUESTS, route="/track", outcome="error", business_id="lab-doctor") == 1
    assert service.client.post("/track", json=wish).status_code == 202


def test_without_a_database_it_starts_waits_and_recovers(start, tmp_path) -> None:
    folder = tmp_path / "later"
    folder.mkdir()
    broken = folder / "assistant.db"
    broken.mkdir()  # a folder is no database
    service = start(database_url=f"sqlite:///{broken}")
    assert service.client.get("/health").status_code == 200
    assert service.client.get("/ready").status_code == 503
    assert service.client.post("/chat", json={"message": "Hi"}).status_code == 503
    assert service.sample(names.DATABASE_UP) == 0
    body = service.client.get("/health/detailed").get_json()
    assert (body["status"], body["health_checks"]["database_connected"]) == ("degraded", False)
    broken.rmdir()
    deadline = time.monotonic() + 15
    while service.client.get("/ready").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert service.client.post("/chat", json={"message": "Hi"}).status_code == 200
    assert service.sample(names.DATABASE_UP) == 1


def test_ratings_and_predictions_are_kept_and_counted(service) -> None:
    chat = service.say()
    for body in ({"message_id": chat["message_id"]}, {"conversation_id": chat["conversation_id"]}):
        assert service.client.post("/feedback", json={**body, "stars": 4, "comment": "nice"}).status_code == 201
    assert service.client.post("/feedback", json={"message_id": "nope", "stars": 4}).status_code == 404
    assert service.sample(names.FEEDBACK, stars="4") == 2
    features = {"lead_time_hours": 700, "hour_of_day": 18, "day_of_week": 5, "previous_no_shows": 6}
    body = service.client.post("/predict", json=features).get_json()
    assert body["prediction"] == "no_show"
    labels = {"model_version": body["model_version"], "outcome": "no_show"}
    assert service.sample(names.PREDICTIONS, **labels) == 1
    with sqlite3.connect(service.assistant.database.engine.url.database) as database:
        rows = database.execute("SELECT id, prediction, model_version, features FROM predictions").fetchall()
        assert [row[:3] for row in rows] == [(body["prediction_id"], "no_show", body["model_version"])]
        assert '"previous_no_shows": 6' in rows[0][3]
        assert database.execute("SELECT count(*), sum(stars) FROM feedback").fetchone() == (2, 8)


def test_the_admin_door_wants_its_token(service) -> None:
    assert service.client.get("/admin/faults").status_code == 401
    answer = service.client.get("/admin/faults", headers={"Authorization": "Bearer an-admin-token"})
    assert answer.get_json()["active"] == []


def test_two_assistants_in_one_process(start, tmp_path) -> None:
    first, second = start(), start(database_url=f"sqlite:///{tmp_path}/other.db")
    first.say()
    assert first.sample(names.AI_REQUESTS, route="/chat", outcome="ok", business_id="none") == 1
    assert second.sample(names.AI_REQUESTS, route="/chat", outcome="ok", business_id="none") == 0


@pytest.mark.parametrize("path", ["/health", "/ready", "/health/detailed", "/metrics"])
def test_probes_leave_no_line_and_no_span(service, path: str) -> None:
    before = len(service.lines())
    service.client.get(path)
    assert service.spans.get_finished_spans() == () or path not in "".join(service.span_names())
    assert len(service.lines()) == before
