"""A dashboard made of its rows, with what all dashboards share."""

from collections.abc import Callable, Sequence

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.models import dashboard as dm

from grafana.source.annotations import alerts, automatic_actions, faults, lost_servers
from grafana.source.panels import Panel

Rows = Sequence[tuple[str, Callable[[], list[Panel]]]]


def whole(
    uid: str,
    title: str,
    description: str,
    *,
    top: Sequence[Panel],
    rows: Rows,
    links: Sequence[builder.DashboardLink],
    variables: Sequence[builder.QueryVariable] = (),
    alert_bands: bool = True,
) -> dm.Dashboard:
    """Build a dashboard: `top` is seen first, then come titled rows; faults and alerts are bands over every graph.

    Without `alert_bands` the alerts are not: where they have a panel of their own.
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
        .annotation(faults())
        .annotation(lost_servers())
        .annotation(automatic_actions())
        .links(list(links))
    )
    if alert_bands:
        made = made.annotation(alerts())
    for variable in variables:
        made = made.with_variable(variable)
    for panel in top:
        made = made.with_panel(panel)
    for name, panels in rows:
        made = made.with_row(builder.Row(name))
        for panel in panels():
            made = made.with_panel(panel)
    return _numbered(made.build())


def _numbered(made: dm.Dashboard) -> dm.Dashboard:
    """Give each panel a fixed number: links to a panel (`?viewPanel=`) need one."""
    for number, panel in enumerate(made.panels or [], start=1):
        panel.id_val = number
    return made
