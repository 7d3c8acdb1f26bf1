"""Prometheus stops, and no alert can fire."""

from typing import ClassVar

from loadtest.scenarios.declaration import ENGINE, Effect, Fault, Scenario


class Blind(Scenario):
    """The pager misses the heartbeat, and the graphs have a gap."""

    name = "blind"
    summary = "Prometheus stops: customers notice nothing, and no alert can fire."
    faults = (Fault(ENGINE, "stop", target="prometheus", at=(2, 4), duration=85),)
    effects = (
        Effect(
            "the logs go on",
            '{service_name="assistant", kind="access"}',
            within=30,
            source="loki",
            always=True,
        ),
        # Twelve scrapes a minute. Queried after its restart.
        Effect(
            "the curves have a gap",
            'min(count_over_time(up{job=~"assistant|model"}[1m])) < bool 10',
            within=130,
        ),
    )
    expected_alerts = ("Watchdog",)
    # The pager opens the incident after a minute without a heartbeat.
    within: ClassVar = {"Watchdog": 80}
    allowed_alerts = ("TelemetryLoss",)
    last = True
    duration = 60
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
