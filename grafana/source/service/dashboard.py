"""The dashboard as a whole: rows in the order in which one looks, time, variable, annotations, links."""

from collections.abc import Callable, Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.models import dashboard as dm

from grafana.source import links
from grafana.source.annotations import MetricAnnotation
from grafana.source.panels import Panel
from grafana.source.service import business, evidence, overview, provider, queries, recovery, saturation, signals
from grafana.source.sources import PROMETHEUS
from services.telemetry import names

UID: Final = "service"
ROWS: Final[Sequence[tuple[str, Callable[[], list[Panel]]]]] = (
    ("What users feel: traffic, errors, latency", signals.panels),
    ("How full we are: saturation", saturation.panels),
    ("Model provider", provider.panels),
    ("Recovery", recovery.panels),
    ("Business", business.panels),
    ("Logs", evidence.panels),
)


def service() -> dm.Dashboard:
    """Build the dashboard."""
    whole = (
        builder.Dashboard("Service")
        .uid(UID)
        .description(
            "The assistant at a glance. Lab time: every window and alert is the usual one divided by 12, so an hour is "
            "5 minutes."
        )
        .tags(["lab"])
        .readonly()
        .time("now-15m", "now")
        .refresh("5s")
        .timezone("browser")
        .tooltip(dm.DashboardCursorSync.CROSSHAIR)
        .with_variable(_route())
        .annotation(_faults())
        .annotation(_alerts())
        .links([*_links()])
    )
    for panel in overview.panels():
        whole = whole.with_panel(panel)
    for title, panels in ROWS:
        whole = whole.with_row(builder.Row(title))
        for panel in panels():
            whole = whole.with_panel(panel)
    return _numbered(whole.build())


def _numbered(whole: dm.Dashboard) -> dm.Dashboard:
    """Give each panel a fixed number: links to a panel (`?viewPanel=`) need one."""
    for number, panel in enumerate(whole.panels or [], start=1):
        panel.id_val = number
    return whole


def _route() -> builder.QueryVariable:
    values = f"label_values({names.HTTP_DURATION}_count{{{queries.USER_ROUTES}}}, http_route)"
    return (
        builder.QueryVariable("route")
        .label("Route")
        .description("Narrows traffic and latency to some routes.")
        .datasource(PROMETHEUS)
        .query({"query": values, "refId": "route"})
        .refresh(dm.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dm.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(dm.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _faults() -> MetricAnnotation:
    """Drawn from the metric that the services themselves set; nothing writes to Grafana."""
    return MetricAnnotation(
        "Faults", f"max by (fault, target) ({names.FAULT_ACTIVE}) == 1", "orange", "Fault: {{fault}}", "on {{target}}"
    )


def _alerts() -> MetricAnnotation:
    firing = 'max by (alertname, severity) (ALERTS{alertstate="firing",alertname!="Watchdog"}) == 1'
    return MetricAnnotation("Alerts", firing, "red", "{{alertname}}", "{{severity}}")


def _links() -> list[builder.DashboardLink]:
    return [
        links.link("Logs", links.logs_url(queries.ALL_LOGS), icon="doc", tooltip="All log lines of the same time"),
        links.link("Traces", links.traces_url(queries.ALL_TRACES), icon="bolt", tooltip="Requests of the same time"),
        # The rule's own page shows its annotations with their placeholders; here they are filled in and can be clicked.
        links.link(
            "Alerts and runbooks",
            "/alerting/groups?alertmanager=Alertmanager",
            icon="bell",
            tooltip="What Alertmanager has notified; open an alert for its runbook, dashboard and logs",
        ),
    ]
