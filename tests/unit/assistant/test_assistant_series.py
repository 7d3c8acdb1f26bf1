"""What a rate needs: series that are there at 0 before the first thing happens."""

from typing import Any


def test_the_first_failure_of_a_business_is_an_increase_and_not_a_new_series(service: Any) -> None:
    registry = service.telemetry.registry

    for business in service.assistant.directory:
        for route, outcomes in {"/chat": ("ok", "fallback", "error"), "/appointments": ("ok", "error")}.items():
            for outcome in outcomes:
                labels = {"route": route, "outcome": outcome, "business_id": business.id}
                assert registry.get_sample_value("ai_requests_total", labels) == 0, labels


def test_all_series_of_the_assistant_stay_below_its_share(service: Any) -> None:
    samples = sum(len(family.samples) for family in service.telemetry.registry.collect())

    assert samples <= 2500
