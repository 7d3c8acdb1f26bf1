"""Alerts, incidents, response times, and the notifications between Prometheus and the responder."""

from typing import Final

from grafana_foundation_sdk.models import common as cm

from grafana.source import queries
from grafana.source.load import faults
from grafana.source.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    YELLOW,
    Panel,
    alert_list,
    graph,
    stat_panel,
    state_timeline,
)
from grafana.source.slo import overview
from grafana.source.sources import latest, metric
from services.telemetry import names

_SEVERITIES: Final = {"page": RED, "ticket": YELLOW}


def _count(counter: str, by: str, window: str = queries.LAB_DAY) -> str:
    return f"round({queries.increase(counter, '', by, window)})"


def _mean_time(title: str, meaning: str, histogram: str) -> Panel:
    """Build the mean, not a quantile: a lab day has few incidents."""
    summed, count = (
        queries.increase(f"{histogram}_{part}", "", "severity", queries.LAB_DAY) for part in ("sum", "count")
    )
    panel = stat_panel(
        title,
        f"Mean of the last 2 h (a lab day), {meaning}, for pages and for tickets.",
        latest(f"({summed} / ({count} > 0)) or on () vector(-1)", "{{severity}}"),
        unit="s",
        steps=((None, BLUE),),
        texts={"-1": ("none yet", GREY)},
        decimals=0,
        width=4,
    )
    return panel.height(8).text_mode(cm.BigValueTextMode.VALUE_AND_NAME)


ALERT_PANELS = [
    alert_list(height=8),
    state_timeline(
        "Alerts over time",
        "Which alert was pending and firing when. Normal: one green row. A cause takes its place; the symptoms "
        "that it explains fire too, but send no page.",
        [metric(queries.zero_without(faults.ALERTS), "alerts"), metric(faults.ALERTS, "{{alertname}}")],
        faults.STATES,
        width=16,
    ),
]
INCIDENT_PANELS = [
    graph(
        "Open incidents by severity",
        "Incidents that are not resolved. A page needs a responder now, a ticket can wait until the morning.",
        [metric(f"sum by (severity) ({names.PAGER_INCIDENTS_OPEN})", "{{severity}}")],
        colors=_SEVERITIES,
        soft_max=2,
    ),
    graph(
        "Incidents (last 2 h)",
        "Incidents that were opened in the last 2 h. Many pages a day wear people out: the alert or the service "
        "needs work.",
        [metric(_count(names.PAGER_INCIDENTS, "severity"), "{{severity}}")],
        colors=_SEVERITIES,
        soft_max=2,
    ),
    _mean_time("MTTA", "from the pager's first word to the first acknowledgement", names.PAGER_ACKNOWLEDGE),
    _mean_time("MTTR", "from the alert's first firing to its end", names.PAGER_RESOLVE),
]
NOTIFICATION_PANELS = [
    graph(
        "Notifications",
        "What Alertmanager sent to the pager in the last 5 minutes, by channel: accepted, repeated "
        "(known already) or refused (malformed).",
        [metric(_count(names.PAGER_NOTIFICATIONS, "channel, result", queries.LAB_HOUR), "{{channel}} {{result}}")],
        soft_max=2,
    ),
    graph(
        "Escalations (last 2 h)",
        "Pages of the last 2 h that escalated: no responder acknowledged them in time, or a responder escalated.",
        [metric(_count(names.PAGER_ESCALATIONS, "severity"), "{{severity}}")],
        colors=_SEVERITIES,
        soft_max=2,
    ),
    graph(
        "Automatic actions (last 2 h)",
        "What the pager itself did or, as a dry run, would have done in the last 2 h.",
        [metric(_count(names.PAGER_REMEDIATIONS, "action, result"), "{{action}} {{result}}")],
        soft_max=2,
    ),
    graph(
        "Age of the heartbeat",
        "Seconds since the Watchdog that the pager received last was evaluated. At the line, 60 s, the pager opens "
        "an incident by itself. Normal: a saw of up to 35 s.",
        [metric(overview.HEARTBEAT_AGE, "heartbeat")],
        unit="s",
        colors={"heartbeat": BLUE},
        lines_at=((60, RED),),
    ).span(20),
    stat_panel(
        "Rotation problems",
        "What is wrong with oncall/rotation.yml: a gap, an unknown person, a shift without end. The pager's page "
        "On call shows them.",
        latest(f"max({names.PAGER_ROTATION_PROBLEMS})"),
        steps=((None, GREEN), (1, ORANGE)),
        width=4,
    ).height(8),
]
