"""The top of the dashboard: what is left of each promise, and who has to care about it now."""

from typing import Final

from grafana.source import links, queries
from grafana.source.panels import GREEN, ORANGE, RED, YELLOW, Panel, big_number
from grafana.source.slo import budget
from grafana.source.sources import latest
from services.telemetry import names

HEARTBEAT_AGE: Final = f"time() - max({names.PAGER_HEARTBEAT})"
OPEN_INCIDENTS: Final = f"sum({names.PAGER_INCIDENTS_OPEN})"


def panels() -> list[Panel]:
    """Seven figures: promises to the left, people to the right."""
    return [*(_left(slo) for slo in budget.SLOS), _fastest(), *_people()]


def _left(slo: str) -> Panel:
    return big_number(
        f"Left: {slo}",
        f"How much of what may go wrong in 60 h is left: {budget.SLOS[slo]}. 100 %: nothing went wrong. Below 0: more "
        "than was promised. A young lab has had few requests, so a few failures use all of its budget.",
        "percentunit",
        latest(budget.LEFT.format(slo=slo)),
        steps=((None, RED), (0, ORANGE), (0.25, YELLOW), (0.5, GREEN)),
        decimals=0,
        width=4,
    )


def _fastest() -> Panel:
    return big_number(
        "Fastest burn",
        "The objective that burns fastest over the last 5 min, times as fast as it may. 1: the budget lasts for just "
        "the 60 h. At 14.4 a responder is paged.",
        "none",
        latest("max(slo:current_burn_rate:ratio)"),
        steps=((None, GREEN), (1, YELLOW), (6, ORANGE), (14.4, RED)),
        decimals=1,
        links=[links.logs_link("Errors and warnings of this time", queries.FAILED_LOGS)],
    )


def _people() -> list[Panel]:
    return [
        big_number(
            "Firing",
            "Alerts that fire now, without the Watchdog, which always does.",
            "none",
            latest('count(ALERTS{alertstate="firing",alertname!="Watchdog"}) or vector(0)'),
            steps=((None, GREEN), (1, RED)),
        ),
        big_number(
            "Incidents",
            "Incidents in the pager that are not resolved. Fewer than alerts that fire: Alertmanager inhibits the "
            "symptoms of a known cause.",
            "none",
            latest(OPEN_INCIDENTS),
            steps=((None, GREEN), (1, RED)),
        ),
        big_number(
            "Heartbeat",
            "Age of the last Watchdog that the pager received. Normal: up to 35 s. After 60 s of silence the "
            "pager opens an incident by itself: then no alert would reach it.",
            "s",
            latest(HEARTBEAT_AGE),
            steps=((None, GREEN), (40, YELLOW), (60, RED)),
            decimals=0,
        ),
    ]
