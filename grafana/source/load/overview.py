"""The top of the dashboard: the load, the results of users, active faults and alerts."""

from grafana.source import links, queries
from grafana.source.load import faults, journey, locust
from grafana.source.panels import BLUE, ERROR_STEPS, GREEN, ORANGE, RED, YELLOW, stat_panel
from grafana.source.sources import latest
from loadtest.stats import metric_names as load_names

PANELS = [
    stat_panel(
        "Users",
        "Simulated users now, the baseline ones included. 0: no requests.",
        latest(f"sum({load_names.LOCUST_USERS}{{{locust.ALL}}})"),
        steps=((None, RED), (1, BLUE)),
    ),
    stat_panel(
        "Requests",
        "Requests a second that users sent over the last minute. Baseline traffic alone: about 2.",
        latest(locust.RATE),
        unit="reqps",
        steps=((None, BLUE),),
        decimals=1,
    ),
    stat_panel(
        "Failed",
        "Share of the users' requests of the last minute that brought no usable answer. Normal: 0.",
        latest(locust.FAILED_SHARE),
        unit="percentunit",
        steps=((None, GREEN), *ERROR_STEPS),
        decimals=1,
        links=[links.ERROR_LOGS],
    ),
    stat_panel(
        "p95",
        "95 of 100 requests of the last minute were answered within this time, as users measured it.",
        latest(queries.quantile(0.95, load_names.LOCUST_DURATION, locust.ALL)),
        unit="s",
        steps=((None, GREEN), (2, YELLOW), (5, RED)),
        links=[links.SLOW_TRACES],
    ),
    stat_panel(
        "Journey",
        "How the newest run of the synthetic customer ended, who books, reads and cancels every 15 s.",
        latest(journey.LAST),
        steps=((None, RED), (1, GREEN)),
        texts=journey.STATES,
    ),
    stat_panel(
        "Journeys",
        "Share of the journeys of the last 5 minutes that reached their end. Normal: 100 %.",
        latest(journey.SUCCESS),
        unit="percentunit",
        steps=((None, RED), (0.9, YELLOW), (0.99, GREEN)),
        decimals=0,
    ),
    stat_panel(
        "Faults on",
        "Active faults of services, started by hand or by a scenario; a blind run counts as well. Each "
        "ends by itself. A stopped server is below, under servers lost.",
        latest(queries.ACTIVE_FAULT_COUNT),
        steps=((None, GREEN), (1, ORANGE)),
        links=[links.logs_link("Switches of this time", faults.AUDIT_LOG)],
    ),
    stat_panel(
        "Alerts firing",
        "Alerts that fire now, without the Watchdog, which always does. Open them under Alerts and runbooks.",
        latest(queries.FIRING_COUNT),
        steps=((None, GREEN), (1, RED)),
    ),
]
