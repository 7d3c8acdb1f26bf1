"""The model provider limits the rate."""

from loadtest.scenarios.declaration import ERROR_ALERTS, Effect, Fault, Scenario

CALLS_THROTTLED = Effect(
    "the provider refuses calls",
    'sum(increase(gen_ai_client_operation_duration_seconds_count{error_type="429"}[30s]))',
    within=20,
)


class Throttling(Scenario):
    """The provider is healthy and limits the rate: the circuit breaker stays closed."""

    name = "throttling"
    summary = "The model provider answers every call with 429 and Retry-After: users get a late fallback reply."
    faults = (Fault("model", "throttle", at=(2, 5), duration=90, parameters={"retry_after": 2}),)
    effects = (
        CALLS_THROTTLED,
        Effect("chats end in a fallback", 'sum(increase(ai_fallbacks_total{reason="throttled"}[30s]))', within=30),
    )
    expected_alerts = ("ProviderThrottled",)
    allowed_alerts = ("NewErrorKind", *ERROR_ALERTS, "SlowResponses", "SyntheticJourneyFailing", "ConversionDrop")
    order = 70
    duration = 100
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
