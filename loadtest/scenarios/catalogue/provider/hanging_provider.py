"""The model provider accepts calls and does not respond."""

from loadtest.scenarios.declaration import ERROR_ALERTS, Effect, Fault, Scenario


class HangingProvider(Scenario):
    """Each chat waits until its deadline, which is worse than an immediate error."""

    name = "hanging-provider"
    summary = "The model provider accepts every call and never answers: users wait ten seconds for a fallback reply."
    faults = (Fault("model", "hang", at=(2, 5), duration=100, parameters={"seconds": 60}),)
    effects = (
        Effect(
            "calls of the model time out",
            'sum(increase(gen_ai_client_operation_duration_seconds_count{error_type="timeout"}[30s]))',
            within=40,
        ),
        Effect(
            "chats have used up their time",
            'sum(increase(ai_fallbacks_total{reason="budget"}[30s]))',
            within=40,
        ),
    )
    allowed_alerts = (*ERROR_ALERTS, "SlowResponses", "NewErrorKind", "SyntheticJourneyFailing", "ConversionDrop")
    order = 65
    duration = 110
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "pager")
