"""The model provider fails in part."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Fault, Scenario, Stage
from loadtest.scenarios.preconditions import NO_RECENT_ERRORS, TRAFFIC_AT_BASELINE


class FlakyProvider(Scenario):
    """Retries hide most failures: more calls fail than chats."""

    name = "flaky-provider"
    summary = "The model answers one call in ten with 503, which retries hide, and some with broken JSON."
    # Enough requests for a stable share of failures. So few 503 in a row that the circuit breaker stays closed: an open
    # one fails every chat for ten seconds, and the share jumps over both thresholds.
    users: ClassVar = {"Customer": 1}
    shape = (Stage(0, 16),)
    faults = (
        Fault("model", "errors", at=(2, 5), duration=130, intensity=0.1, parameters={"status": 503}),
        Fault("model", "malformed", at=(2, 5), duration=130, intensity=0.07),
    )
    effects = (
        Effect("the model is asked again", 'sum(increase(ai_retries_total{reason="server_error"}[30s]))', within=25),
        Effect(
            "some chats end in a fallback",
            'sum(increase(ai_fallbacks_total{reason=~"provider_error|circuit_open"}[30s]))',
            within=90,
        ),
    )
    expected_alerts = ("ErrorRateHigh",)
    within: ClassVar = {"ErrorRateHigh": 120}
    allowed_alerts = (
        "NewErrorKind",
        "ErrorRateCritical",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "SyntheticJourneyFailing",
        "ConversionDrop",
    )
    order = 60
    preconditions = (NO_RECENT_ERRORS, TRAFFIC_AT_BASELINE)
    duration = 140
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
