"""Links to logs and traces of the same time in Grafana's Explore, and to the other dashboards.

All are relative, so that they hold for any port.
"""

import json
import re
from typing import Final
from urllib.parse import quote

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef

from grafana.source import queries
from grafana.source.sources import LOKI, TEMPO

# Grafana replaces it by the label of the point that was clicked.
FIELD_ROUTE: Final = "${__field.labels.http_route}"


def link(title: str, url: str, *, icon: str = "external link", tooltip: str = "") -> DashboardLink:
    """Build a link of a dashboard or of a point in a panel.

    Args:
        title: shown.
        url: relative to Grafana, or absolute.
        icon: of Grafana's set.
        tooltip: shown on the links of a dashboard.
    """
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url).icon(icon).tooltip(tooltip)


def logs_link(title: str, logql: str, tooltip: str = "") -> DashboardLink:
    """Build a link to the lines of a LogQL query."""
    url = _explore(LOKI, {"expr": logql, "queryType": "range", "editorMode": "code"})
    return link(title, url, icon="doc", tooltip=tooltip)


def traces_link(title: str, traceql: str, tooltip: str = "") -> DashboardLink:
    """Build a link to the newest traces of a TraceQL query."""
    # Without the hint Tempo returns any twenty traces of the time range.
    newest = f"{traceql} with (most_recent=true)"
    url = _explore(TEMPO, {"query": newest, "queryType": "traceql", "limit": 20, "tableType": "traces"})
    return link(title, url, icon="bolt", tooltip=tooltip)


def _explore(source: DataSourceRef, query: dict[str, object]) -> str:
    pane = {
        "datasource": source.uid,
        "queries": [{"refId": "A", "datasource": {"type": source.type_val, "uid": source.uid}, **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    encoded = quote(json.dumps({"lab": pane}, separators=(",", ":")), safe="")
    # Grafana replaces its variables when a link is clicked, so they are not percent-encoded.
    return "/explore?schemaVersion=1&orgId=1&panes=" + re.sub(r"%24%7B(__[\w.]+)%7D", r"${\1}", encoded)


def _dashboard_link(title: str, uid: str, tooltip: str) -> DashboardLink:
    return link(title, f"/d/{uid}", icon="dashboard", tooltip=tooltip).keep_time(True)


SERVICE: Final = _dashboard_link("Service", "service", "The assistant at a glance, over the same time")
LOAD: Final = _dashboard_link("Load", "load", "Who asks, what users saw, which faults are on, over the same time")
SLO: Final = _dashboard_link(
    "SLOs and incidents", "slo", "Remaining error budgets, incidents and notifications of the same time"
)
# The rule's own page shows its annotations with their placeholders; this page shows them filled in.
RUNBOOKS: Final = link(
    "Alerts and runbooks",
    "/alerting/groups?alertmanager=Alertmanager",
    icon="bell",
    tooltip="What Alertmanager has notified; open an alert for its runbook, dashboard and logs",
)
ACCESS_LOG: Final = logs_link("Access log of this time", '{service_name="assistant", kind="access"}')
ERROR_LOGS: Final = logs_link("Errors and warnings of this time", queries.FAILED_LOGS)
FAILED_TRACES: Final = traces_link("Failed traces of this time", queries.FAILED_TRACES)
SLOW_TRACES: Final = traces_link("Slow traces of this time", queries.SLOW_TRACES)
