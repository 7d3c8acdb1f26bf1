"""Bad input gets a problem document that says what to fix, never a 5xx."""

import json

import pytest

GOOD = {
    "/chat": {"message": "Hello"},
    "/predict": {"lead_time_hours": 48, "hour_of_day": 9, "day_of_week": 0, "previous_no_shows": 1},
    "/feedback": {"conversation_id": "c", "stars": 3},
    "/track": {"business_id": "lab-doctor", "event": "page_view"},
    "/appointments": {"business_id": "lab-doctor", "starts_at": "2030-01-01T09:00:00Z", "user_id": "ann"},
}
WRONG_VALUES = [None, True, 1.5, -1, 10**30, "", "x" * 5000, [], {}, "\0", "9999-99-99", "nan"]


def check(answer, status: int | None = None, kind: str | None = None) -> dict:
    document = answer.get_json()
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.content_type == "application/problem+json"
    assert document["status"] == answer.status_code
    assert document["detail"]
    assert len(document["trace_id"]) == 32
    if status is not None:
        assert answer.status_code == status, answer.text
    if kind is not None:
        assert document["type"] == f"/problems/{kind}"
    return document


@pytest.mark.parametrize("route", GOOD)
def test_bodies_that_are_no_json_object(service, route: str) -> None:
    post = service.client.post
    check(post(route, data=b"", content_type="application/json"), 400, "empty-body")
    check(post(route), 400, "empty-body")
    check(post(route, data=b"hello", content_type="text/plain"), 415)
    check(post(route, data=b"{", content_type="application/json"), 400, "broken-json")
    check(post(route, data=b'{"a": "\xff"}', content_type="application/json"), 400, "broken-encoding")
    check(post(route, data=b"[" * 30000, content_type="application/json"), 400)
    check(post(route, data=b'"{}"', content_type="application/json"), 422)
    check(post(route, data=b" " * 2**20, content_type="application/json"), 413, "body-too-large")
    check(post(route, json={}), 422, "invalid-request")


@pytest.mark.parametrize("route", GOOD)
def test_unknown_fields_are_named(service, route: str) -> None:
    document = check(service.client.post(route, json={**GOOD[route], "colour": "red"}), 422, "invalid-request")
    assert document["errors"] == [{"field": "colour", "message": "unknown field; leave it out"}]


@pytest.mark.parametrize("route", GOOD)
def test_every_wrong_value_in_every_field(service, route: str) -> None:
    for name in GOOD[route]:
        for value in WRONG_VALUES:
            answer = service.client.post(route, json={**GOOD[route], name: value})
            assert answer.status_code < 500, (name, value, answer.text)
            if value is None or value in ([], {}, "\0", True):
                check(answer)


@pytest.mark.parametrize("route", ["/chat", "/predict", "/track", "/appointments"])
def test_an_unknown_business_is_a_404(service, route: str) -> None:
    body = {**GOOD[route], "business_id": "unknown"}
    check(service.client.post(route, json=body), 404, "unknown-business")
    assert service.sample("ai_rejected_requests_total", route=route, reason="unknown-business") == 1


@pytest.mark.parametrize(
    "when",
    [
        "2030-01-01T09:00:00",
        "2030-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "tomorrow",
        "2030-13-01T09:00:00Z",
        1893492000,
        "2030-01-01T09:00:00+99:00",
    ],
)
def test_times_that_are_none(service, when) -> None:
    check(service.client.post("/appointments", json={**GOOD["/appointments"], "starts_at": when}), 422)


@pytest.mark.parametrize(
    "query",
    [
        "/businesses?kind=barber",
        "/businesses?limit=0",
        "/businesses?limit=many",
        "/businesses?colour=red",
        "/businesses?region=%ff",
        "/businesses?region=%00",
        "/businesses/lab-doctor/slots?date=soon",
        "/businesses/lab-doctor/slots?provider_id=unknown",
        "/businesses/unknown/slots",
        "/businesses/%00/slots",
        "/appointments",
        "/appointments?user_id=ann&after=nothing",
        "/appointments?user_id=ann&limit=100000",
        "/appointments?business_id=unknown",
    ],
)
def test_queries(service, query: str) -> None:
    check(service.client.get(query))


def test_far_days_have_no_free_times(service) -> None:
    for day in ("0001-01-01", "9999-12-31", "2019-03-07"):
        answer = service.client.get(f"/businesses/lab-doctor/slots?date={day}")
        assert answer.get_json()["slots"] == []


def test_keys_that_are_none(service) -> None:
    body = GOOD["/appointments"]
    for key in ("", "a b", "x" * 129):
        answer = service.client.post("/appointments", json=body, headers={"Idempotency-Key": key})
        check(answer, 422)


def test_refusals_are_no_failures_of_the_service(service) -> None:
    for _ in range(3):
        check(service.client.post("/track", data=b"", content_type="application/json"))
    refused = service.sample("ai_rejected_requests_total", route="/track", reason="empty-body")
    assert refused == 3
    assert [line["reason"] for line in service.lines("problem")] == ["empty-body"] * 3
    labels = {"route": "/track", "business_id": "none"}
    assert service.sample("ai_requests_total", outcome="error", **labels) == 0
    assert service.sample("ai_requests_total", outcome="ok", **labels) == 0


def test_the_document_describes_every_route_with_an_example(service) -> None:
    document = service.client.get("/openapi.json").get_json()
    assert {
        "/chat",
        "/predict",
        "/feedback",
        "/track",
        "/appointments",
        "/appointments/{appointment_id}",
        "/businesses",
        "/businesses/{business_id}/slots",
        "/health",
        "/health/detailed",
        "/ready",
        "/stats",
    } <= set(document["paths"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody")
            if body and not path.startswith("/admin"):
                name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
                assert document["components"]["schemas"][name]["example"], (method, path)
    assert "Idempotency-Key" in json.dumps(document["paths"]["/appointments"]["post"]["parameters"])
