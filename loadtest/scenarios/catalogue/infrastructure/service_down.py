"""The assistant itself is gone."""

from loadtest.scenarios.declaration import ANY, ENGINE, Effect, Fault, Scenario


class ServiceDown(Scenario):
    """A service that is gone counts no failures of its own: only who asks it sees them."""

    name = "service-down"
    summary = "The assistant stops: users cannot chat, book, read or cancel until it restarts."
    faults = (Fault(ENGINE, "stop", target="assistant", at=(2, 4), duration=90),)
    effects = (
        Effect("the assistant does not answer", '1 - min(up{job="assistant"})', within=20),
        Effect("users see failures", 'sum(increase(locust_requests_total{outcome="failed"}[30s]))', within=30),
        Effect("the synthetic journey fails", "max(lab_journey_failures_in_a_row)", within=45),
    )
    expected_alerts = ("ServiceDown",)
    inhibited_alerts = ("SyntheticJourneyFailing",)
    allowed_alerts = (
        "TelemetryLoss",
        "ErrorRateCritical",
        "ErrorRateHigh",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "ConversionDrop",
    )
    forbidden_alerts = (ANY,)
    order = 80
    duration = 100
    quick_duration = 20
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager", "loadtest")
