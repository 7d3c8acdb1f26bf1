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
