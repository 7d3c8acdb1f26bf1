"""A new version of the assistant is out, and it is worse."""

from typing import ClassVar

from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario


class BadRelease(Scenario):
    """The version on the signals says since when; the exception's type was never seen before."""

    name = "bad-release"
    summary = "A new version of the assistant is slower, and three requests in ten fail with a new exception."
    faults = (
        Fault("assistant", "bad-release", at=(2, 5), duration=100, intensity=0.3, parameters={"version": "9.9.0"}),
    )
    effects = (
        Effect("the new version runs", 'max(lab_build_info{job="assistant",version="9.9.0"})', within=15),
        Effect("requests fail", 'sum(increase(ai_requests_total{outcome="error"}[30s]))', within=25),
        Effect(
            "the logs have a new exception type",
            '{service_name="assistant", kind="error"} | error_type=~"([A-Z][a-z]+){3}[0-9a-f]{4}Error"',
            within=25,
            source="loki",
        ),
    )
    expected_alerts = ("NewErrorKind",)
    within: ClassVar = {"NewErrorKind": 100}
    # It ends when the kind is two minutes old, or gone for as long.
    resolve_within = 220
    allowed_alerts = (
        "ErrorRateCritical",
        "ErrorRateHigh",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "SyntheticJourneyFailing",
        "ConversionDrop",
    )
    forbidden_alerts = (ANY,)
    # Younger labs know no error: all of them would be new.
    min_uptime_seconds = 660
    order = 35
    duration = 110
    quick_duration = 20
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
