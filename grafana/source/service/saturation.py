"""Saturation of the services."""

from grafana.source import queries
from grafana.source.panels import BLUE, GREEN, ORANGE, RED, SERVICES, graph, resize
from grafana.source.sources import metric
from services.telemetry import names

PANELS = [
    *resize(
        [
            graph(
                "Memory, share of the limit",
                "Memory in use against the limit of the service. The line is the threshold of MemoryHigh: 80 %.",
                [metric(f"max by (job) ({queries.MEMORY_SHARE})", "{{job}}")],
                unit="percentunit",
                lines_at=((0.8, RED),),
                colors=SERVICES,
                soft_max=1,
            ),
            graph(
                "CPU",
                "Share of one core. One interpreter uses one core at most: near 100 % requests queue.",
                [metric(f"max by (job) ({names.PROCESS_CPU})", "{{job}}")],
                unit="percentunit",
                colors=SERVICES,
            ),
            graph(
                "Requests in flight and threads",
                "Requests that the assistant works on at this moment, against the threads that it has.",
                [
                    metric(f"sum({names.HTTP_ACTIVE}{{{queries.ASSISTANT}}})", "in flight"),
                    metric(f"max({names.PROCESS_THREADS}{{{queries.ASSISTANT}}})", "threads"),
                ],
                unit="short",
            ),
            graph(
                "Database p95",
                "95 of 100 statements of the last minute were done within this time, by kind of statement.",
                [metric(queries.quantile(0.95, names.DATABASE_QUERY, by="db_operation_name"), "{{db_operation_name}}")],
                unit="s",
            ),
        ],
        width=6,
    ),
    graph(
        "Database connections",
        "The pool of connections: used, idle, and how many there may be. When all are used, requests wait "
        "(waiting), and users wait with them.",
        [
            metric(
                f"sum by (db_client_connection_state) ({names.POOL_CONNECTIONS}{{{queries.ASSISTANT}}})",
                "{{db_client_connection_state}}",
            ),
            metric(f"sum({names.POOL_PENDING}{{{queries.ASSISTANT}}})", "waiting"),
            metric(f"sum({names.POOL_MAX}{{{queries.ASSISTANT}}})", "limit"),
        ],
        colors={"used": BLUE, "idle": GREEN, "waiting": ORANGE, "limit": RED},
    ),
    graph(
        "Wait for a connection, p95",
        "95 of 100 requests of the last minute had a connection to the database within this time. Normal: well "
        "below 10 ms.",
        [metric(queries.quantile(0.95, names.POOL_WAIT), "p95")],
        unit="s",
    ),
    graph(
        "Connection pool time-outs",
        "Requests of the last minute that got no connection to the database in time, and failed for it. Normal: 0.",
        [metric(queries.increase(names.POOL_TIMEOUTS, window=queries.WINDOW), "timed out")],
        colors={"timed out": RED},
        soft_max=1,
    ),
]
