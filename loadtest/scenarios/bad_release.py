"""A new version of the assistant is out, and it is worse."""

from typing import ClassVar

from loadtest.scenario import ANY, Effect, Fault, Scenario


class BadRelease(Scenario):
    """The version on the signals says since when; the exception's type was never seen before."""

    name = "bad-release"
    story = "A new version of the assistant is slower, and three requests in ten fail with an error nobody knows."
    faults = (
        Fault("assistant", "bad-release", at=(2, 5), duration=100, strength=0.3, parameters={"version": "9.9.0"}),
    )
    effects = (
        Effect("the new version runs", 'max(lab_build_info{job="assistant",version="9.9.0"})', within=15),
        Effect("requests fail", 'sum(increase(ai_requests_total{outcome="error"}[30s]))', within=25),
        Effect(
            "an error that was never seen stands in the logs",
            '{service_name="assistant", kind="error"} | error_type=~"([A-Z][a-z]+){3}[0-9a-f]{4}Error"',
            within=25,
            source="loki",
        ),
    )
    must = ("NewErrorKind",)
    within: ClassVar = {"NewErrorKind": 100}
    # It ends when the kind is two minutes old, or gone for as long.
    resolve_within = 220
    may = (
        "ErrorRateCritical",
        "ErrorRateHigh",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "SyntheticJourneyFailing",
        "ConversionDrop",
    )
    must_not = (ANY,)
    # Younger labs know no error: all of them would be new.
    lab_age = 660
    turn = 35
    duration = 110
    quick_duration = 20
    aftermath = 12
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
