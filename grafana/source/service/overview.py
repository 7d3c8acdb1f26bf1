"""The top of the dashboard: one glance, then what must be up and what is firing."""

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.models import common as cm

from grafana.source import links, queries
from grafana.source.panels import BLUE, GREEN, ORANGE, RED, YELLOW, Panel, alerts, big_number, values
from grafana.source.sources import latest
from services.telemetry import names

UP_DOWN = values({"1": ("UP", GREEN), "0": ("DOWN", RED)})
CIRCUIT = {"0": ("closed", GREEN), "1": ("half open", YELLOW), "2": ("OPEN", RED)}


def panels() -> list[Panel]:
    """Eight figures, every target of Prometheus, and the alerts."""
    return [*_figures(), _targets(), _alerts()]


def _figures() -> list[Panel]:
    return [
        big_number(
            "Assistant",
            "Can Prometheus scrape the assistant? DOWN for 15 s raises ServiceDown.",
            "none",
            latest(f"min(up{{{queries.ASSISTANT}}})"),
            steps=((None, RED), (1, GREEN)),
            mappings=[UP_DOWN],
        ),
        big_number(
            "Requests",
            "Requests of users a second over the last minute, all routes, without health checks and scrapes.",
            "reqps",
            latest(queries.rate(f"{names.HTTP_DURATION}_count", queries.USER_ROUTES)),
            steps=((None, BLUE),),
            decimals=1,
            links=[links.logs_link("Access log of this time", '{service_name="assistant", kind="access"}')],
        ),
        big_number(
            "Failed",
            "Share of user requests of the last minute that ended in an error or a fallback answer. Answers of 400 to "
            "499 do not count: the user must correct them. Above 5 % ErrorRateHigh, above 10 % ErrorRateCritical.",
            "percentunit",
            latest(queries.FAILED_SHARE),
            steps=((None, GREEN), (0.05, YELLOW), (0.1, RED)),
            decimals=1,
            links=[links.logs_link("Errors and warnings of this time", queries.FAILED_LOGS)],
        ),
        big_number(
            "Chat p95",
            "95 of 100 chats of the last minute were answered within this time. The objective is 2 s.",
            "s",
            latest(queries.quantile(0.95, names.HTTP_DURATION, queries.CHAT)),
            steps=((None, GREEN), (2, YELLOW), (5, RED)),
            links=[links.traces_link("Slow traces of this time", queries.SLOW_TRACES)],
        ),
        big_number(
            "Model circuit",
            "Circuit breaker before the model provider. Open: calls are not even tried, users get the fallback answer.",
            "none",
            latest(f"max({names.CIRCUIT_STATE}{{{queries.ASSISTANT}}})"),
            mappings=[values(CIRCUIT)],
        ),
        big_number(
            "Memory",
            "The service that is nearest to its memory limit. Above 80 % MemoryHigh.",
            "percentunit",
            latest(f"max({names.PROCESS_MEMORY} / {names.PROCESS_MEMORY_LIMIT})"),
            steps=((None, GREEN), (0.7, YELLOW), (0.8, RED)),
            decimals=0,
        ),
        big_number(
            "Alerts firing",
            "Alerts that fire now, without the Watchdog, which always does. The pager turns them into incidents.",
            "none",
            latest('count(ALERTS{alertstate="firing",alertname!="Watchdog"}) or vector(0)'),
            steps=((None, GREEN), (1, RED)),
        ),
        big_number(
            "Faults on",
            "Active faults, started by hand or by a scenario. Each ends by itself.",
            "none",
            latest(f"sum({names.FAULT_ACTIVE}) or vector(0)"),
            steps=((None, GREEN), (1, ORANGE)),
        ),
    ]


def _targets() -> Panel:
    """The pager's own loss cannot page, so it has to be seen here."""
    panel = big_number(
        "Scraped by Prometheus",
        "Every server of the lab. A stopped pager sends no page: this panel shows it.",
        "none",
        latest("min by (job) (up)", "{{job}}"),
        steps=((None, RED), (1, GREEN)),
        mappings=[UP_DOWN],
        width=16,
    )
    panel = panel.text_mode(cm.BigValueTextMode.VALUE_AND_NAME).height(6).orientation(cm.VizOrientation.AUTO)
    return panel.text(common.VizTextDisplayOptions().title_size(12).value_size(18))


def _alerts() -> Panel:
    return alerts(
        "Alerts",
        'Pending and firing alerts of Prometheus. "View alert rule" opens the condition and its figures; the runbook '
        'is under "Alerts and runbooks" above.',
    )
