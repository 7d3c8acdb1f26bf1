"""The model provider takes calls and does not answer."""

from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario


class HangingProvider(Scenario):
    """Worse than a refusal: each chat waits for its whole budget of time before anybody knows."""

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
    allowed_alerts = (
        "ErrorRateCritical",
        "ErrorRateHigh",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "SlowResponses",
        "NewErrorKind",
        "SyntheticJourneyFailing",
        "ConversionDrop",
    )
    forbidden_alerts = (ANY,)
    order = 65
    duration = 110
    quick_duration = 20
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "pager")
