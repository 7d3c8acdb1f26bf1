"""The assistant stops."""

from loadtest.scenarios.declaration import ENGINE, ERROR_ALERTS, Effect, Fault, Scenario


class ServiceDown(Scenario):
    """A stopped service counts no failures; only its clients do."""

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
    allowed_alerts = ("TelemetryLoss", *ERROR_ALERTS, "ConversionDrop")
    order = 80
    duration = 100
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager", "loadtest")
