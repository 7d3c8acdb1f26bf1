"""The top of the dashboard: key values, scrape targets and alerts."""

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.models import common as cm

from grafana.source import links, queries
from grafana.source.panels import BLUE, ERROR_STEPS, GREEN, ORANGE, RED, YELLOW, alert_list, stat_panel
from grafana.source.sources import latest
from services.telemetry import names

UP_DOWN = {"1": ("UP", GREEN), "0": ("DOWN", RED)}
CIRCUIT_STATES = {"0": ("closed", GREEN), "1": ("half open", YELLOW), "2": ("OPEN", RED)}

# A stopped pager cannot page, so all scrape targets are visible here.
_TARGETS = stat_panel(
    "Scraped by Prometheus",
    "Every server of the lab. A stopped pager sends no page: this panel shows it.",
    latest("min by (job) (up)", "{{job}}"),
    steps=((None, RED), (1, GREEN)),
    texts=UP_DOWN,
    width=16,
)
PANELS = [
    stat_panel(
        "Assistant",
        "Can Prometheus scrape the assistant? DOWN for 15 s raises ServiceDown.",
        latest(f"min(up{{{queries.ASSISTANT}}})"),
        steps=((None, RED), (1, GREEN)),
        texts=UP_DOWN,
    ),
    stat_panel(
        "Requests",
        "Requests of users a second over the last minute, all routes, without health checks and scrapes.",
        latest(queries.rate(f"{names.HTTP_DURATION}_count", queries.USER_ROUTES)),
        unit="reqps",
        steps=((None, BLUE),),
        decimals=1,
        links=[links.ACCESS_LOG],
    ),
    stat_panel(
        "Failed",
        "Share of user requests of the last minute that ended in an error or a fallback answer. Answers of 400 to "
        "499 do not count: the user must correct them. Above 5 % ErrorRateHigh, above 10 % ErrorRateCritical.",
        latest(queries.FAILED_SHARE),
        unit="percentunit",
        steps=((None, GREEN), *ERROR_STEPS),
        decimals=1,
        links=[links.ERROR_LOGS],
    ),
    stat_panel(
        "Chat p95",
        "95 of 100 chats of the last minute were answered within this time. The objective is 2 s.",
        latest(queries.quantile(0.95, names.HTTP_DURATION, queries.CHAT)),
        unit="s",
        steps=((None, GREEN), (2, YELLOW), (5, RED)),
        links=[links.SLOW_TRACES],
    ),
    stat_panel(
        "Model circuit",
        "Circuit breaker before the model provider. Open: calls are not even tried, users get the fallback answer.",
        latest(f"max({names.CIRCUIT_STATE}{{{queries.ASSISTANT}}})"),
        texts=CIRCUIT_STATES,
    ),
    stat_panel(
        "Memory",
        "The service that is nearest to its memory limit. Above 80 % MemoryHigh.",
        latest(f"max({queries.MEMORY_SHARE})"),
        unit="percentunit",
        steps=((None, GREEN), (0.7, YELLOW), (0.8, RED)),
        decimals=0,
    ),
    stat_panel(
        "Alerts firing",
        "Alerts that fire now, without the Watchdog, which always does. The pager turns them into incidents.",
        latest(queries.FIRING_COUNT),
        steps=((None, GREEN), (1, RED)),
    ),
    stat_panel(
        "Faults on",
        "Active faults, started by hand or by a scenario. Each ends by itself.",
        latest(queries.ACTIVE_FAULT_COUNT),
        steps=((None, GREEN), (1, ORANGE)),
    ),
    _TARGETS.height(6)
    .text_mode(cm.BigValueTextMode.VALUE_AND_NAME)
    .orientation(cm.VizOrientation.AUTO)
    .text(common.VizTextDisplayOptions().title_size(12).value_size(18)),
    alert_list(height=6),
]
