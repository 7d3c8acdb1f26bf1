"""The model provider fails now and then."""

from typing import ClassVar

from loadtest.calm import NO_FAILURES
from loadtest.scenario import ANY, Effect, Fault, Scenario, Stage


class FlakyProvider(Scenario):
    """Asking again hides most of it: many more calls fail than customers notice."""

    name = "flaky-provider"
    story = "Two calls of the model in five end with 503: asking again saves most chats, but not all."
    # More of them, so that their share is a matter of the fault and not of chance.
    users: ClassVar = {"Customer": 1}
    shape = (Stage(0, 16),)
    faults = (Fault("model", "errors", at=(2, 5), duration=130, strength=0.42, parameters={"status": 503}),)
    effects = (
        Effect("the model is asked again", 'sum(increase(ai_retries_total{reason="server_error"}[30s]))', within=25),
        Effect(
            "some chats end in a fallback",
            'sum(increase(ai_fallbacks_total{reason=~"provider_error|circuit_open"}[30s]))',
            within=90,
        ),
    )
    must = ("ErrorRateHigh",)
    within: ClassVar = {"ErrorRateHigh": 120}
    may = (
        "NewErrorKind",
        "ErrorRateCritical",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "SyntheticJourneyFailing",
        "ConversionDrop",
    )
    must_not = (ANY,)
    turn = 60
    calm = (NO_FAILURES,)
    duration = 140
    quick_duration = 20
    aftermath = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
