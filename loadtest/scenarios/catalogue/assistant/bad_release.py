"""A new version of the assistant is slower and fails."""

from typing import ClassVar

from loadtest.scenarios.declaration import ERROR_ALERTS, Effect, Fault, Scenario


class BadRelease(Scenario):
    """The version label shows when it started; the type of the exception is new."""

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
    # The alert resolves two minutes after the new type appeared or disappeared.
    resolve_within = 220
    allowed_alerts = (*ERROR_ALERTS, "SyntheticJourneyFailing", "ConversionDrop")
    # In a new lab every error type is new.
    min_uptime_seconds = 660
    order = 35
    duration = 110
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
