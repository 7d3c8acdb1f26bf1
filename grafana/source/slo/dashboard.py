"""The dashboard as a whole: first what is left of the promises, then what used it, then what people did about it."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.models import dashboard as dm

from grafana.source import links, queries
from grafana.source.layout import Rows, whole
from grafana.source.slo import budget, budget_consumption, incidents, overview
from grafana.source.sources import PROMETHEUS
from services.telemetry import names

UID: Final = "slo"
ROWS: Final[Rows] = (
    ("Firing now, and before", incidents.now),
    ("Error budgets: what is left, and how fast it burns", budget.panels),
    ("What used the budgets", budget_consumption.panels),
    ("Incidents of the pager, and how long people took", incidents.people),
    ("The way to the people", incidents.way),
)


def slo() -> dm.Dashboard:
    """Build the dashboard."""
    return whole(
        UID,
        "SLOs and incidents",
        "What the assistant promises, how much of it may still go wrong, and what the alerts and the people behind the "
        "pager make of it. Lab time: every window is the usual one divided by 12, so 30 days are 60 h.",
        top=overview.panels(),
        rows=ROWS,
        links=[
            _pager("Incidents", "", "The pager: open incidents, their timelines, acknowledge and resolve"),
            _pager("On call", "/oncall", "Who is on call now, and next"),
            links.SERVICE,
            links.LOAD,
            links.logs_link("Logs", queries.FAILED_LOGS, "Errors and warnings of the same time"),
            links.RUNBOOKS,
        ],
        variables=[_address()],
        alert_bands=False,
    )


def _pager(title: str, path: str, tooltip: str) -> builder.DashboardLink:
    return links.link(title, f"${{pager}}{path}", tooltip=tooltip)


def _address() -> builder.QueryVariable:
    """The pager's address depends on the lab's ports, so the pager exports it."""
    return (
        builder.QueryVariable("pager")
        .datasource(PROMETHEUS)
        .query({"query": f"label_values({names.PAGER_ADDRESS}, url)", "refId": "pager"})
        .refresh(dm.VariableRefresh.ON_DASHBOARD_LOAD)
        .hide(dm.VariableHide.HIDE_VARIABLE)
    )
