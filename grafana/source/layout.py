"""A dashboard made of its rows, with what all dashboards share."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as dm

from grafana.source import annotations
from grafana.source.panels import Panel


def build_dashboard(
    uid: str,
    title: str,
    description: str,
    *,
    top: Sequence[Panel],
    rows: Sequence[tuple[str, Sequence[Panel]]],
    links: Sequence[builder.DashboardLink],
    variables: Sequence[builder.QueryVariable] = (),
    alert_bands: bool = True,
) -> dm.Dashboard:
    """Build a dashboard on which faults and alerts are bands over every graph.

    Args:
        uid: the last part of its address.
        title: of the page.
        description: of the page.
        top: panels above the first row.
        rows: titles with their panels.
        links: below the title.
        variables: that its queries use.
        alert_bands: False where the alerts have a panel of their own.
    """
    made = (
        builder.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["lab"])
        .readonly()
        .time("now-15m", "now")
        .refresh("5s")
        .timezone("browser")
        .tooltip(dm.DashboardCursorSync.CROSSHAIR)
        .annotation(annotations.FAULTS)
        .annotation(annotations.LOST_SERVERS)
        .annotation(annotations.AUTOMATIC_ACTIONS)
        .links(list(links))
    )
    if alert_bands:
        made = made.annotation(annotations.ALERTS)
    for variable in variables:
        made = made.with_variable(variable)
    for panel in top:
        made = made.with_panel(panel)
    for name, panels in rows:
        made = made.with_row(builder.Row(name))
        for panel in panels:
            made = made.with_panel(panel)
    dashboard = made.build()
    # Links to a panel (`?viewPanel=`) need fixed numbers.
    for number, numbered in enumerate(dashboard.panels or [], start=1):
        numbered.id_val = number
    return dashboard


def to_json(dashboard: dm.Dashboard) -> str:
    """Return the dashboard as JSON: sorted keys and two spaces, so that a change is a small diff."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(dashboard) + "\n"
