"""The model provider returns 503."""

from loadtest.scenarios.declaration import Effect, Fault, Scenario
from loadtest.scenarios.preconditions import TRAFFIC_AT_BASELINE


class ProviderOutage(Scenario):
    """The circuit breaker opens, and the pager notifies the responder within a minute."""

    name = "provider-outage"
    summary = "The model provider answers every call with 503: customers get a fallback reply in place of an answer."
    # Long enough for the slowest notification; --quick ends it after the notification.
    faults = (Fault("model", "errors", at=(3, 6), duration=100, parameters={"status": 503}),)
    effects = (
        Effect("the metrics show the fault", 'max(lab_fault_active{fault=~"errors|hidden"})', within=15),
        Effect("chats end in a fallback", 'sum(increase(ai_requests_total{outcome="fallback"}[1m]))', within=30),
        Effect("the circuit breaker opens", "max(max_over_time(ai_circuit_breaker_state[1m]))", within=40),
    )
    expected_alerts = ("ErrorRateCritical",)
    # Its windows are minutes long.
    expected_without_resolve = ("ErrorBudgetFastBurn",)
    allowed_alerts = (
        "ErrorRateHigh",
        "ErrorBudgetSlowBurn",
        "SyntheticJourneyFailing",
        "ConversionDrop",
        "NewErrorKind",
    )
    # Before the others that burn the budget as fast.
    order = 20
    preconditions = (TRAFFIC_AT_BASELINE,)
    duration = 110
    quick_duration = 10
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
