"""The model provider fails now and then."""

from loadtest.scenario import ANY, Effect, Fault, Scenario


class FlakyProvider(Scenario):
    """Asking again hides most of it: many more calls fail than customers notice."""

    name = "flaky-provider"
    story = "Two calls of the model in five end with 503: asking again saves most chats, but not all."
    faults = (Fault("model", "errors", at=(2, 5), duration=100, strength=0.4, parameters={"status": 503}),)
    effects = (
        Effect("the model is asked again", 'sum(increase(ai_retries_total{reason="server_error"}[30s]))', within=25),
        Effect(
            "some chats end in a fallback",
            'sum(increase(ai_fallbacks_total{reason=~"provider_error|circuit_open"}[30s]))',
            within=90,
        ),
    )
    may = (
        "ErrorRateHigh",
        "ErrorRateCritical",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "SyntheticJourneyFailing",
        "ConversionDrop",
    )
    must_not = (ANY,)
    duration = 110
    quick_duration = 20
    aftermath = 12
    needs = ("assistant", "model", "prometheus", "pager")
