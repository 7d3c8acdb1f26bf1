"""Active faults, and the alerts and failures that follow them."""

from typing import Final

from grafana.source import links, queries
from grafana.source.load import journey
from grafana.source.panels import GREEN, ORANGE, RED, YELLOW, rare_bars, state_timeline
from grafana.source.sources import metric
from services.telemetry import names

AUDIT_LOG: Final = '{service_namespace="lab", kind="audit"}'
_DOWN: Final = "2 * (1 - min by (job) (up)) == 2"
_PENDING: Final = f"max by (alertname) (3 * {queries.PENDING})"
_FIRING: Final = f"max by (alertname) (4 * {queries.FIRING})"
ALERTS: Final = f"{_FIRING} or {_PENDING}"
# Fault, server, alert and journey: each state has a value of its own, as all are on one panel.
STATES: Final = {
    "0": ("none", GREEN),
    "1": ("on", ORANGE),
    "2": ("down", "dark-red"),
    "3": ("pending", YELLOW),
    "4": ("firing", RED),
    "5": ("ok", GREEN),
    "6": ("fails", RED),
}

PANELS = [
    state_timeline(
        "Cause and effect",
        "On one time axis: which fault was on, which server did not answer, which alert was pending and firing, "
        "and whether the synthetic customer could still book. Normal: four green rows. A cause takes the place of "
        "its green row. A blind run shows its faults as hidden until it ends. A fault without an alert after a "
        "minute: see to the right whether it hits anybody.",
        [
            metric(queries.zero_without(queries.ACTIVE_FAULTS), "faults"),
            metric(queries.ACTIVE_FAULTS, "{{fault}} on {{target}}"),
            metric(queries.zero_without(_DOWN), "servers lost"),
            metric(_DOWN, "{{job}}"),
            metric(queries.zero_without(ALERTS), "alerts"),
            metric(ALERTS, "{{alertname}}"),
            metric(f"6 - {journey.LAST}", "journey"),
        ],
        STATES,
        width=16,
        links=[links.logs_link("Switches of this time", AUDIT_LOG)],
    ),
    rare_bars(
        "Fault hits",
        "Injections per second of each fault, over the last minute. Normal: none. A fault that is "
        "on and hits nothing: its target gets no requests, or its intensity is low.",
        queries.rate(names.FAULT_HITS, "", "fault"),
        "fault",
        unit="reqps",
        shades_of=ORANGE,
    ),
]
