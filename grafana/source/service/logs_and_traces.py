"""What the services wrote about it."""

from grafana.source import queries
from grafana.source.panels import BLUE, GREY, RED, YELLOW, Panel, graph, lines_of_logs
from grafana.source.sources import LOKI, log_lines, log_metric


def panels() -> list[Panel]:
    """Log lines by level, and the warnings and errors."""
    levels = graph(
        "Log lines by level",
        "Lines of all our services in each step of 15 s or more.",
        "short",
        [log_metric(f"sum by (detected_level) (count_over_time({queries.ALL_LOGS} [$__auto]))", "{{detected_level}}")],
        stacked_bars=True,
        colors={"debug": GREY, "info": BLUE, "warn": YELLOW, "error": RED},
        height=10,
    )
    troubles = lines_of_logs(
        "Errors and warnings of the same time",
        'Open a line to see its fields; "Open trace" leads to the request that wrote it. No data: there was none.',
        log_lines(queries.NAMED_FAILED_LOGS),
        width=16,
    )
    # Narrower bars could not be seen.
    return [levels.datasource(LOKI).interval("15s"), troubles]
