"""The assistant itself is gone."""

from loadtest.scenario import ANY, ENGINE, Effect, Fault, Scenario


class ServiceDown(Scenario):
    """A service that is gone counts no failures of its own: only who asks it sees them."""

    name = "service-down"
    story = "The assistant stops: nobody can chat, book, read or cancel until it is started again."
    faults = (Fault(ENGINE, "stop", target="assistant", at=(2, 4), duration=90),)
    effects = (
        Effect("the assistant does not answer", '1 - min(up{job="assistant"})', within=20),
        Effect("users see failures", 'sum(increase(locust_requests_total{outcome="failed"}[30s]))', within=30),
        Effect("the synthetic journey fails", "max(lab_journey_failures_in_a_row)", within=45),
    )
    must = ("ServiceDown",)
    held_back = ("SyntheticJourneyFailing",)
    may = (
        "TelemetryLoss",
        "ErrorRateCritical",
        "ErrorRateHigh",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "ConversionDrop",
    )
    must_not = (ANY,)
    turn = 80
    duration = 100
    quick_duration = 20
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager", "loadtest")
