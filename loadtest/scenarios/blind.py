"""Prometheus is gone, and with it every alert."""

from typing import ClassVar

from loadtest.scenario import ANY, ENGINE, Effect, Fault, Scenario


class Blind(Scenario):
    """Who watches the watcher: no rule can tell of this, only that the heartbeat stops and the curves have a gap."""

    name = "blind"
    story = "Prometheus stops: customers notice nothing, and whoever is on call would notice nothing either."
    faults = (Fault(ENGINE, "stop", target="prometheus", at=(2, 4), duration=85),)
    effects = (
        Effect(
            "the logs go on",
            '{service_name="assistant", kind="access"}',
            within=30,
            source="loki",
            always=True,
        ),
        # Twelve scrapes a minute. Asked once it is back: until then nobody can be asked.
        Effect(
            "the curves have a gap",
            'min(count_over_time(up{job=~"assistant|model"}[1m])) < bool 10',
            within=130,
        ),
    )
    must = ("Watchdog",)
    # The pager waits for a minute before it believes the silence.
    within: ClassVar = {"Watchdog": 80}
    may = ("TelemetryLoss",)
    must_not = (ANY,)
    last = True
    duration = 60
    quick_duration = 20
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
