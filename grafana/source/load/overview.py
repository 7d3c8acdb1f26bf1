"""The top of the dashboard: one glance at the load, at what users get, and at what is broken."""

from grafana.source import links, queries
from grafana.source.load import faults, journey, locust
from grafana.source.panels import BLUE, GREEN, ORANGE, RED, YELLOW, Panel, big_number, values
from grafana.source.sources import latest
from loadtest.stats import metric_names as load_names
from services.telemetry import names


def panels() -> list[Panel]:
    """Eight figures, all as users see them."""
    return [
        big_number(
            "Users",
            "Simulated people at this moment, the baseline ones included. 0: no requests.",
            "none",
            latest(f"sum({load_names.LOCUST_USERS}{{{locust.ALL}}})"),
            steps=((None, RED), (1, BLUE)),
        ),
        big_number(
            "Requests",
            "Requests a second that users sent over the last minute. Baseline traffic alone: about 2.",
            "reqps",
            latest(locust.RATE),
            steps=((None, BLUE),),
            decimals=1,
        ),
        big_number(
            "Failed",
            "Share of the users' requests of the last minute that brought no usable answer. Normal: 0.",
            "percentunit",
            latest(locust.FAILED_SHARE),
            steps=((None, GREEN), (0.05, YELLOW), (0.1, RED)),
            decimals=1,
            links=[links.logs_link("Errors and warnings of this time", queries.FAILED_LOGS)],
        ),
        big_number(
            "p95",
            "95 of 100 requests of the last minute were answered within this time, as users measured it.",
            "s",
            latest(locust.quantile(0.95)),
            steps=((None, GREEN), (2, YELLOW), (5, RED)),
            links=[links.traces_link("Slow traces of this time", queries.SLOW_TRACES)],
        ),
        big_number(
            "Journey",
            "How the newest run of the synthetic customer ended, who books, reads and cancels every 15 s.",
            "none",
            latest(journey.LAST),
            steps=((None, RED), (1, GREEN)),
            mappings=[values(journey.WORDS)],
        ),
        big_number(
            "Journeys",
            "Share of the journeys of the last 5 minutes that reached their end. Normal: 100 %.",
            "percentunit",
            latest(journey.SUCCESS),
            steps=((None, RED), (0.9, YELLOW), (0.99, GREEN)),
            decimals=0,
        ),
        big_number(
            "Faults on",
            "Active faults of services, started by hand or by a scenario; a blind run counts as well. Each "
            "ends by itself. A stopped server is below, under servers lost.",
            "none",
            latest(f"sum({names.FAULT_ACTIVE}) or vector(0)"),
            steps=((None, GREEN), (1, ORANGE)),
            links=[links.logs_link("Switches of this time", faults.SWITCHES)],
        ),
        big_number(
            "Alerts firing",
            "Alerts that fire now, without the Watchdog, which always does. Open them under Alerts and runbooks.",
            "none",
            latest('count(ALERTS{alertstate="firing",alertname!="Watchdog"}) or vector(0)'),
            steps=((None, GREEN), (1, RED)),
        ),
    ]
