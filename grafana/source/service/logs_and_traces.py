"""Logs of the services."""

from grafana.source import queries
from grafana.source.panels import BLUE, GREY, RED, YELLOW, graph, log_panel
from grafana.source.sources import LOKI, logs_query

_LEVELS = graph(
    "Log lines by level",
    "Lines of all our services in each step of 15 s or more.",
    [
        logs_query(f"sum by (detected_level) (count_over_time({queries.ALL_LOGS} [$__auto]))").legend_format(
            "{{detected_level}}"
        )
    ],
    unit="short",
    stacked_bars=True,
    colors={"debug": GREY, "info": BLUE, "warn": YELLOW, "error": RED},
)
_ERRORS = log_panel(
    "Errors and warnings",
    'Open a line to see its fields; "Open trace" leads to the request that wrote it. No data: there was none.',
    # The panel shows lines of all services, so each begins with its service.
    queries.FAILED_LOGS + ' | line_format "{{.service_name}}: {{__line__}}"',
)
# Bars of a shorter interval would be too narrow.
PANELS = [_LEVELS.datasource(LOKI).interval("15s").height(10), _ERRORS]
