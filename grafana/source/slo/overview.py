"""The top of the dashboard: remaining error budgets, and current alerts and incidents."""

from typing import Final

from grafana.source import links, queries
from grafana.source.panels import GREEN, ORANGE, RED, YELLOW, Panel, stat_panel
from grafana.source.slo import budget
from grafana.source.sources import latest
from services.telemetry import names

HEARTBEAT_AGE: Final = f"time() - max({names.PAGER_HEARTBEAT})"


def _budget_left(slo: str) -> Panel:
    return stat_panel(
        f"Budget remaining: {slo}",
        f"How much of what may go wrong in 60 h is left: {budget.SLOS[slo]}. 100 %: nothing went wrong. Below 0: more "
        "than was promised. A young lab has had few requests, so a few failures use all of its budget.",
        latest(f'slo:period_error_budget_remaining:ratio{{slo="{slo}"}}'),
        unit="percentunit",
        steps=((None, RED), (0, ORANGE), (0.25, YELLOW), (0.5, GREEN)),
        decimals=0,
        width=4,
    )


PANELS = [
    *(_budget_left(slo) for slo in budget.SLOS),
    stat_panel(
        "Max burn rate",
        "The objective that burns fastest over the last 5 min, times as fast as it may. 1: the budget lasts for just "
        "the 60 h. At 14.4 a responder is paged.",
        latest("max(slo:current_burn_rate:ratio)"),
        steps=((None, GREEN), (1, YELLOW), (6, ORANGE), (14.4, RED)),
        decimals=1,
        links=[links.ERROR_LOGS],
    ),
    stat_panel(
        "Firing",
        "Alerts that fire now, without the Watchdog, which always does.",
        latest(queries.FIRING_COUNT),
        steps=((None, GREEN), (1, RED)),
    ),
    stat_panel(
        "Incidents",
        "Incidents in the pager that are not resolved. Fewer than alerts that fire: Alertmanager inhibits the "
        "symptoms of a known cause.",
        latest(f"sum({names.PAGER_INCIDENTS_OPEN})"),
        steps=((None, GREEN), (1, RED)),
    ),
    stat_panel(
        "Heartbeat",
        "Age of the last Watchdog that the pager received. Normal: up to 35 s. After 60 s of silence the "
        "pager opens an incident by itself: then no alert would reach it.",
        latest(HEARTBEAT_AGE),
        unit="s",
        steps=((None, GREEN), (40, YELLOW), (60, RED)),
        decimals=0,
    ),
]
