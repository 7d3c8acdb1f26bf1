"""What is broken on purpose, and what came of it."""

from typing import Final

from grafana.source import links, queries
from grafana.source.load import journey
from grafana.source.panels import GREEN, GREY, ORANGE, RED, YELLOW, Panel, graph, states
from grafana.source.sources import metric
from services.telemetry import names

SWITCHES: Final = '{service_namespace="lab", kind="audit"}'
_FAULTS: Final = f"max by (fault, target) ({names.FAULT_ACTIVE}) == 1"
_DOWN: Final = "2 * (1 - min by (job) (up)) == 2"
_PENDING: Final = 'max by (alertname) (3 * ALERTS{alertstate="pending",alertname!="Watchdog"})'
_FIRING: Final = 'max by (alertname) (4 * ALERTS{alertstate="firing",alertname!="Watchdog"})'
ALERTS: Final = f"{_FIRING} or {_PENDING}"
WORDS: Final = {
    "0": ("none", GREEN),
    "1": ("on", ORANGE),
    "2": ("down", "dark-red"),
    "3": ("pending", YELLOW),
    "4": ("firing", RED),
    "5": ("ok", GREEN),
    "6": ("fails", RED),
}


def panels() -> list[Panel]:
    """Faults, lost servers, alerts and the journey on one time axis; how many requests were hit."""
    return [_timeline(), _hits()]


def _timeline() -> Panel:
    return states(
        "Cause and effect",
        "On one time axis: which fault was on, which server did not answer, which alert was pending and firing, and "
        "whether the synthetic customer could still book. Normal: four green rows. A cause takes the place of its "
        "green row. A blind run shows its faults as hidden until it ends. A fault without an alert after a minute: "
        "see to the right whether it hits anybody.",
        [
            metric(none(_FAULTS), "faults"),
            metric(_FAULTS, "{{fault}} on {{target}}"),
            metric(none(_DOWN), "servers lost"),
            metric(_DOWN, "{{job}}"),
            metric(none(ALERTS), "alerts"),
            metric(ALERTS, "{{alertname}}"),
            metric(f"6 - {journey.LAST}", "journey"),
        ],
        WORDS,
        width=16,
        links=[links.logs_link("Switches of this time", SWITCHES)],
    )


def none(query: str) -> str:
    """0 while `query` finds nothing: the panel then shows 0 and is not empty."""
    return f"vector(0) unless on () ({query})"


def _hits() -> Panel:
    return graph(
        "Hits of faults",
        "Injections per second of each fault, over the last minute. Normal: none. A fault that is "
        "on and hits nothing: its target gets no requests, or its intensity is low.",
        "reqps",
        [metric(queries.or_none(f"sum by (fault) (rate({names.FAULT_HITS}[{queries.WINDOW}]))", "fault"), "{{fault}}")],
        soft_max=1,
        stacked_bars=True,
        colors={"none": GREY},
        shades_of=ORANGE,
    )
