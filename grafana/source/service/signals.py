"""The golden signals of what users feel: traffic, errors, latency."""

from typing import Final

from grafana.source import links, queries
from grafana.source.panels import DARK_PURPLE, ERROR_STEPS, GREEN, RED, YELLOW, graph, heatmap_panel
from grafana.source.sources import metric
from services.telemetry import names

_ROUTE_TRACES: Final = f'{{resource.service.name="assistant" && kind=server && span.http.route="{links.FIELD_ROUTE}"}}'

PANELS = [
    graph(
        "Traffic by route",
        "Requests a second over the last minute. Click a point for the logs and traces of this time.",
        [metric(queries.rate(f"{names.HTTP_DURATION}_count", queries.CHOSEN_ROUTES, "http_route"), "{{http_route}}")],
        unit="reqps",
        # The palette would choose red, the colour of failures.
        colors={"/chat": DARK_PURPLE},
        links=[
            links.traces_link(f"Traces of {links.FIELD_ROUTE}", _ROUTE_TRACES),
            links.ACCESS_LOG,
        ],
    ),
    graph(
        "Failed share",
        "Share of user requests of the last minute that ended in an error or a fallback answer. The lines are the "
        "thresholds of the alerts: 5 % ErrorRateHigh, 10 % ErrorRateCritical.",
        [metric(queries.FAILED_SHARE, "failed")],
        unit="percentunit",
        lines_at=ERROR_STEPS,
        colors={"failed": RED},
        soft_max=0.15,
        links=[links.ERROR_LOGS, links.FAILED_TRACES],
    ),
    graph(
        "Latency",
        "50, 95 and 99 of 100 requests of the last minute were answered within this time. A dot is one request: "
        'point at it and open its trace with "Query with Tempo".',
        [
            # Exemplars of one query are enough: all three read the same buckets.
            metric(queries.quantile(share, names.HTTP_DURATION, queries.CHOSEN_ROUTES), name, exemplars=name == "p99")
            for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
        ],
        unit="s",
        colors={"p50": GREEN, "p95": YELLOW, "p99": RED},
        links=[
            links.traces_link("Traces slower than 1 s", queries.SLOW_TRACES),
            links.logs_link("Logs of this time", queries.ALL_LOGS),
        ],
    ),
    graph(
        "Finished requests by outcome",
        "ok; fallback: the user got the prepared answer because the provider failed; error: the user got 5xx.",
        [metric(queries.rate(names.AI_REQUESTS, by="outcome"), "{{outcome}}")],
        unit="reqps",
        stacked_bars=True,
        colors={"ok": GREEN, "fallback": YELLOW, "error": RED},
        links=[links.ERROR_LOGS, links.FAILED_TRACES],
    ),
    graph(
        "Rejected requests by reason (4xx)",
        "Requests that the service refused because something was wrong with them, in the last 5 minutes. "
        "Never part of the failed share.",
        [metric(queries.increase(names.REJECTED, by="reason"), "{{reason}}")],
        unit="short",
        soft_max=1,
        links=[links.ERROR_LOGS],
    ),
    heatmap_panel(
        "Chat latency heatmap",
        "How many chats a second fell into each band of time: two humps are two kinds of requests, which a quantile "
        "hides.",
        queries.rate(f"{names.HTTP_DURATION}_bucket", queries.CHAT, "le"),
    ),
]
