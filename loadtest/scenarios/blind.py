"""Prometheus is gone, and with it every alert."""

from loadtest.scenario import ANY, ENGINE, Effect, Fault, Scenario


class Blind(Scenario):
    """Who watches the watcher: no rule can tell of this, only that the heartbeat stops and the curves have a gap."""

    name = "blind"
    story = "Prometheus stops: customers notice nothing, and whoever is on call would notice nothing either."
    faults = (Fault(ENGINE, "stop", target="prometheus", at=(2, 4), duration=25),)
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
            within=90,
        ),
    )
    may = ("Watchdog", "TelemetryLoss")
    must_not = (ANY,)
    duration = 60
    quick_duration = 20
    needs = ("assistant", "model", "prometheus", "loki", "collector", "pager")
