"""Which requests count as a user's, what a list of appointments needs, and which headers reach the model provider."""

import pytest

from services.telemetry import names

NO_BUSINESS = "none"


def finished(service, route: str) -> float:
    """Requests of a route that metrics and objectives count, and observed latencies."""
    outcomes = ("ok", "fallback", "error")
    counted = [
        service.sample(names.AI_REQUESTS, route=route, outcome=outcome, business_id=NO_BUSINESS) for outcome in outcomes
    ]
    observed = service.sample(f"{names.AI_RESPONSE_TIME}_count", route=route)
    return sum(value or 0 for value in (*counted, observed))


@pytest.mark.parametrize("route", names.USER_ROUTES)
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD"])
def test_options_and_head_are_no_user_requests(service, method: str, route: str) -> None:
    for _ in range(100):
        answer = service.client.open(f"{route}?user_id=ann", method=method)
        assert answer.status_code in (200, 405)
    assert finished(service, route) == 0


def test_a_request_of_another_method_is_a_user_s(service) -> None:
    assert service.client.get("/appointments?user_id=ann").status_code == 200
    assert finished(service, "/appointments") == 2, "counted, and its latency observed"


def test_a_refused_preflight_activates_no_fault(service) -> None:
    service.on("new-exception", target="route=/appointments")
    assert service.client.open("/appointments?user_id=ann", method="HEAD").status_code == 200


@pytest.mark.parametrize("query", ["", "?limit=10", "?user_id=", "?business_id=&user_id=", "?after=nothing"])
def test_a_list_of_appointments_needs_a_user_a_business_or_the_admin_token(service, query: str) -> None:
    booked = service.book(user_id="joe").get_json()
    refused = service.client.get(f"/appointments{query}")
    assert refused.status_code == 422
    assert refused.content_type == "application/problem+json"
    assert refused.get_json()["type"] == "/problems/filter-required"
    assert refused.get_json()["detail"] == "Give user_id or business_id, or send the admin token as a bearer token."
    assert booked["id"] not in refused.text


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic an-admin-token", "an-admin-token"])
def test_another_token_does_not_list_everyone_s_appointments(service, header: str) -> None:
    assert service.client.get("/appointments", headers={"Authorization": header}).status_code == 422


def test_one_of_them_is_enough(service) -> None:
    appointment_id = service.book(user_id="joe").get_json()["id"]
    for query in ("?user_id=joe", "?business_id=lab-doctor", "?user_id=joe&business_id=lab-doctor"):
        listed = service.client.get(f"/appointments{query}").get_json()["appointments"]
        assert [row["id"] for row in listed] == [appointment_id]
    assert service.lines("appointments.listed") == []


def test_the_admin_token_lists_all_and_leaves_an_audit_line(service) -> None:
    appointment_id = service.book(user_id="joe").get_json()["id"]
    listed = service.client.get("/appointments?limit=10", headers=service.admin).get_json()["appointments"]
    assert [row["id"] for row in listed] == [appointment_id]
    (line,) = service.lines("appointments.listed")
    assert (line["kind"], line["appointments"]) == ("audit", 1)


def test_the_document_says_that_the_list_may_need_the_admin_token(service) -> None:
    operation = service.client.get("/openapi.json").get_json()["paths"]["/appointments"]["get"]
    assert operation["security"] == [{}, {"adminToken": []}]
    assert "admin token" in operation["description"]


@pytest.mark.parametrize("path", ["/", "/ready", "/metrics", "/businesses", "/static/page/main.js", "/admin/faults"])
def test_it_answers_only_for_its_own_names(service, path: str) -> None:
    headers = service.admin
    refused = service.client.get(path, headers={**headers, "Host": "evil.example:5001"})
    assert (refused.status_code, refused.get_json()["type"]) == (400, "/problems/untrusted-host")
    assert service.client.get(path, headers={**headers, "Host": "assistant:1"}).status_code == 200


TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACE_PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


def sent_to_the_model(service, baggage: str) -> dict[str, str]:
    """Headers of the model call of one chat whose request has this baggage, with lower-case names."""
    headers = {"baggage": baggage, "traceparent": TRACE_PARENT}
    assert service.client.post("/chat", json={"message": "Hello"}, headers=headers).status_code == 200
    return {name.lower(): value for name, value in service.model.headers[-1].items()}


@pytest.mark.parametrize("baggage", ["user_id=ann,card=4111", "a=1;property=2", "%75ser=1", "=", ",,", "x" * 5000])
def test_a_client_s_baggage_ends_here_and_its_trace_goes_on(service, baggage: str) -> None:
    headers = sent_to_the_model(service, baggage)
    assert "baggage" not in headers
    assert headers["traceparent"].split("-")[1] == TRACE_ID


def test_baggage_that_is_allowed_by_name_goes_on(start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAGGAGE_KEYS", "tenant, region")
    headers = sent_to_the_model(start(), "user_id=ann, tenant = lab ,tenants=2,REGION=eu,region=us")
    assert headers["baggage"] == "tenant=lab,region=us"
