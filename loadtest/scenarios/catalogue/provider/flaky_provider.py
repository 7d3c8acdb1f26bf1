"""The model provider fails now and then."""

from typing import ClassVar

from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario, Stage
from loadtest.scenarios.preconditions import NO_RECENT_ERRORS


class FlakyProvider(Scenario):
    """Asking again hides most of it: many more calls fail than customers notice."""

    name = "flaky-provider"
    summary = "Two calls of the model in five end with 503: asking again saves most chats, but not all."
    # More of them, so that their share is a matter of the fault and not of chance.
    users: ClassVar = {"Customer": 1}
    shape = (Stage(0, 16),)
    faults = (Fault("model", "errors", at=(2, 5), duration=130, intensity=0.42, parameters={"status": 503}),)
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
    forbidden_alerts = (ANY,)
    order = 60
    preconditions = (NO_RECENT_ERRORS,)
    duration = 140
    quick_duration = 20
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
