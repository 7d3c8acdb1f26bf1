"""Loki is stopped."""

from loadtest.scenarios.declaration import Effect, Fault, Scenario


class LokiAway(Scenario):
    """For tests of the stop and restart of a server."""

    name = "loki-away"
    summary = "Loki is stopped, and the model fails for good measure."
    faults = (
        Fault("engine", "stop", target="loki", at=1, duration=25),
        Fault("model", "errors", at=1, duration=20),
    )
    effects = (Effect("Prometheus cannot scrape it", '1 - max(up{job="loki"})', within=20, of="stop-loki"),)
    forbidden_alerts = ()
    duration = 30
    quick_duration = 3
