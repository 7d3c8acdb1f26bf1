"""The dashboard "SLOs and incidents": error budgets, what consumed them, and the response to it."""

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.models import dashboard as dm

from grafana.source import links, queries
from grafana.source.layout import build_dashboard
from grafana.source.slo import budget, budget_consumption, incidents, overview
from grafana.source.sources import PROMETHEUS
from services.telemetry import names

# The pager's address depends on the lab's ports, so the pager exports it.
_PAGER = (
    builder.QueryVariable("pager")
    .datasource(PROMETHEUS)
    .query({"query": f"label_values({names.PAGER_ADDRESS}, url)", "refId": "pager"})
    .refresh(dm.VariableRefresh.ON_DASHBOARD_LOAD)
    .hide(dm.VariableHide.HIDE_VARIABLE)
)
DASHBOARD = build_dashboard(
    "slo",
    "SLOs and incidents",
    "What the assistant promises, how much of it may still go wrong, and what the alerts and the people behind the "
    "pager make of it. Lab time: every window is the usual one divided by 12, so 30 days are 60 h.",
    top=overview.PANELS,
    rows=[
        ("Alert history", incidents.ALERT_PANELS),
        ("Error budgets: what is left, and how fast it burns", budget.PANELS),
        ("Error budget consumption", budget_consumption.PANELS),
        ("Incidents of the pager, and how long people took", incidents.INCIDENT_PANELS),
        ("Notification pipeline", incidents.NOTIFICATION_PANELS),
    ],
    links=[
        links.link(
            "Incidents", "${pager}", tooltip="The pager: open incidents, their timelines, acknowledge and resolve"
        ),
        links.link("On call", "${pager}/oncall", tooltip="Who is on call now, and next"),
        links.SERVICE,
        links.LOAD,
        links.logs_link("Logs", queries.FAILED_LOGS, "Errors and warnings"),
        links.RUNBOOKS,
    ],
    variables=[_PAGER],
    alert_bands=False,
)
