"""Loki receives no log lines."""

from loadtest.scenarios.declaration import ENGINE, Effect, Fault, Scenario


class PipelineStall(Scenario):
    """No line is lost: the Collector stores the lines on its disk and sends them later."""

    name = "pipeline-stall"
    summary = "Loki stops: customers notice nothing, new log lines wait in the Collector's queue."
    faults = (Fault(ENGINE, "stop", target="loki", at=(2, 4), duration=100),)
    effects = (
        Effect("Loki does not answer", '1 - min(up{job="loki"})', within=20),
        Effect(
            "lines wait in the Collector",
            'max(otelcol_exporter_queue_size{exporter="otlp_http/loki"}) > bool 20',
            within=40,
        ),
    )
    expected_alerts = ("ServiceDown", "TelemetryLoss")
    order = 15
    duration = 110
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
