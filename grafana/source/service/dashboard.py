"""The dashboard "Service": symptoms first, then saturation, dependencies and logs."""

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.models import dashboard as dm

from grafana.source import links, queries
from grafana.source.layout import build_dashboard
from grafana.source.service import business, logs_and_traces, overview, provider, recovery, saturation, signals
from grafana.source.sources import PROMETHEUS
from services.telemetry import names

_ROUTES = f"label_values({names.HTTP_DURATION}_count{{{queries.USER_ROUTES}}}, http_route)"
_ROUTE = (
    builder.QueryVariable("route")
    .label("Route")
    .description("Narrows traffic and latency to some routes.")
    .datasource(PROMETHEUS)
    .query({"query": _ROUTES, "refId": "route"})
    .refresh(dm.VariableRefresh.ON_TIME_RANGE_CHANGED)
    .sort(dm.VariableSort.ALPHABETICAL_ASC)
    .multi(True)
    .include_all(True)
    .all_value(".+")
    .current(dm.VariableOption(selected=True, text=["All"], value=["$__all"]))
)
DASHBOARD = build_dashboard(
    "service",
    "Service",
    "The assistant at a glance. Lab time: every window and alert is the usual one divided by 12, so an hour is "
    "5 minutes.",
    top=overview.PANELS,
    rows=[
        ("What users feel: traffic, errors, latency", signals.PANELS),
        ("How full we are: saturation", saturation.PANELS),
        ("Model provider", provider.PANELS),
        ("Recovery", recovery.PANELS),
        ("Business", business.PANELS),
        ("Logs", logs_and_traces.PANELS),
    ],
    links=[
        links.LOAD,
        links.SLO,
        links.logs_link("Logs", queries.ALL_LOGS, "All log lines of the same time"),
        links.traces_link("Traces", queries.ALL_TRACES, "Requests of the same time"),
        links.RUNBOOKS,
    ],
    variables=[_ROUTE],
)
