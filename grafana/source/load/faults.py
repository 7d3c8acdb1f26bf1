"""What is broken on purpose, and what came of it."""

from typing import Final

from grafana.source import links
from grafana.source.panels import GREEN, ORANGE, RED, YELLOW, Panel, graph, states
from grafana.source.sources import metric
from services.telemetry import names

SWITCHES: Final = '{service_namespace="lab", kind="audit"}'
# One row stands always, so that "nothing is broken" can be seen and is not an empty panel.
_ANY: Final = f"max({names.FAULT_ACTIVE}) or vector(0)"
_FAULTS: Final = f"max by (fault, target) ({names.FAULT_ACTIVE}) == 1"
_DOWN: Final = "2 * (1 - min by (job) (up)) == 2"
_PENDING: Final = 'max by (alertname) (3 * ALERTS{alertstate="pending",alertname!="Watchdog"})'
_FIRING: Final = 'max by (alertname) (4 * ALERTS{alertstate="firing",alertname!="Watchdog"})'
_WORDS: Final = {
    "0": ("none", GREEN),
    "1": ("on", ORANGE),
    "2": ("down", "dark-red"),
    "3": ("pending", YELLOW),
    "4": ("firing", RED),
}


def panels() -> list[Panel]:
    """Faults, lost servers and alerts on one time axis; how many requests were hit."""
    return [_timeline(), _hits()]


def _timeline() -> Panel:
    return states(
        "Faults, lost servers and alerts",
        "Cause and effect on one time axis: which fault was on, which server did not answer, which alert was pending "
        "and firing. Normal: the first row alone, green. A blind run shows its faults as sealed until it ends. An "
        "orange row without a red one under it after a minute: look whether the fault hits anybody.",
        [
            metric(_ANY, "any fault"),
            metric(_FAULTS, "{{fault}} on {{target}}"),
            metric(_DOWN, "{{job}}"),
            metric(f"{_FIRING} or {_PENDING}", "{{alertname}}"),
        ],
        _WORDS,
        width=16,
        links=[links.logs_link("Switches of this time", SWITCHES)],
    )


def _hits() -> Panel:
    return graph(
        "Requests hit by a fault",
        "How many requests a second each fault has spoiled, over the last minute. Normal: 0. A fault that is on and "
        "hits nobody stays at 0: its target gets no requests, or its strength is low.",
        "reqps",
        [metric(f"sum by (fault) (rate({names.FAULT_HITS}[1m])) > 0 or vector(0)", "{{fault}}")],
        soft_max=1,
        stacked_bars=True,
    )
