"""Links from a panel to the logs and traces of the same time, in Grafana's Explore.

All are relative, so that they hold whatever the port is.
"""

import json
from typing import Final
from urllib.parse import quote

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef

from grafana.source.sources import LOKI, TEMPO

# Grafana fills these in when a link is clicked, so they must stay as they are while the rest is percent-encoded.
FROM: Final = "${__from}"
TO: Final = "${__to}"
FIELD_ROUTE: Final = "${__field.labels.http_route}"


def explore(source: DataSourceRef, query: dict[str, object], keep: tuple[str, ...] = (FROM, TO)) -> str:
    """Return the address of Explore with `query` on `source` over the dashboard's time range."""
    pane = {
        "datasource": source.uid,
        "queries": [{"refId": "A", "datasource": {"type": source.type_val, "uid": source.uid}, **query}],
        "range": {"from": FROM, "to": TO},
    }
    encoded = quote(json.dumps({"lab": pane}, separators=(",", ":")), safe="")
    for placeholder in keep:
        encoded = encoded.replace(quote(placeholder, safe=""), placeholder)
    return f"/explore?schemaVersion=1&orgId=1&panes={encoded}"


def logs_url(logql: str) -> str:
    """Explore with the lines of a LogQL query."""
    return explore(LOKI, {"expr": logql, "queryType": "range", "editorMode": "code"})


def traces_url(traceql: str, keep: tuple[str, ...] = ()) -> str:
    """Explore with the newest traces of a TraceQL query."""
    # Without the hint Tempo stops at the first twenty that it meets, whatever their age.
    newest = f"{traceql} with (most_recent=true)"
    query: dict[str, object] = {"query": newest, "queryType": "traceql", "limit": 20, "tableType": "traces"}
    return explore(TEMPO, query, (FROM, TO, *keep))


def link(title: str, url: str, *, icon: str = "external link", tooltip: str = "") -> DashboardLink:
    """A link of a dashboard or of a point in a panel."""
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url).icon(icon).tooltip(tooltip)


def logs_link(title: str, logql: str, tooltip: str = "") -> DashboardLink:
    """A link to the lines of a LogQL query."""
    return link(title, logs_url(logql), icon="doc", tooltip=tooltip)


def traces_link(title: str, traceql: str, keep: tuple[str, ...] = (), *, tooltip: str = "") -> DashboardLink:
    """A link to the traces of a TraceQL query."""
    return link(title, traces_url(traceql, keep), icon="bolt", tooltip=tooltip)


def dashboard_link(title: str, uid: str, tooltip: str) -> DashboardLink:
    """A link to another dashboard, over the time that is shown."""
    return link(title, f"/d/{uid}", icon="dashboard", tooltip=tooltip).keep_time(True)


SERVICE: Final = dashboard_link("Service", "service", "The assistant at a glance, over the same time")
LOAD: Final = dashboard_link("Load", "load", "Who asks, what users saw, which faults are on, over the same time")
SLO: Final = dashboard_link(
    "SLOs and incidents", "slo", "Remaining error budgets, incidents and notifications of the same time"
)
# The rule's own page shows its annotations with their placeholders; here they are filled in and can be clicked.
RUNBOOKS: Final = link(
    "Alerts and runbooks",
    "/alerting/groups?alertmanager=Alertmanager",
    icon="bell",
    tooltip="What Alertmanager has notified; open an alert for its runbook, dashboard and logs",
)
