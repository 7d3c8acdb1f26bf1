"""What became of it: alerts, incidents, how quick people were, and whether the way to them works."""

from typing import Final

from grafana_foundation_sdk.models import common as cm

from grafana.source.load import faults
from grafana.source.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    YELLOW,
    Panel,
    alerts,
    big_number,
    graph,
    states,
    values,
)
from grafana.source.slo import overview
from grafana.source.sources import latest, metric
from services.telemetry import names

# A lab day.
_DAY: Final = "2h"
_NONE_YET: Final = values({"-1": ("none yet", GREY)})
_SEVERITIES: Final = {"page": RED, "ticket": YELLOW}


def now() -> list[Panel]:
    """What fires, and since when."""
    return [
        alerts(
            "Alerts",
            'Pending and firing alerts of Prometheus. "View alert rule" opens the condition and its figures; the '
            'runbook is under "Alerts and runbooks" above.',
            width=8,
            height=8,
        ),
        states(
            "Alerts over time",
            "Which alert was pending and firing when. Normal: one green row. A cause takes its place; the symptoms "
            "that it explains fire too, but send no page.",
            [metric(faults.none(faults.ALERTS), "alerts"), metric(faults.ALERTS, "{{alertname}}")],
            faults.WORDS,
            width=16,
        ),
    ]


def people() -> list[Panel]:
    """Incidents, and how long people took."""
    return [
        graph(
            "Open incidents by severity",
            "Incidents that are not resolved. A page needs a responder now, a ticket can wait until the morning.",
            "none",
            [metric(f"sum by (severity) ({names.PAGER_INCIDENTS_OPEN})", "{{severity}}")],
            colors=_SEVERITIES,
            soft_max=2,
        ),
        graph(
            "Incidents of a lab day",
            "Incidents that were opened in the last 2 h. Many pages a day wear people out: the alert or the service "
            "needs work.",
            "none",
            [metric(f"round(sum by (severity) (increase({names.PAGER_INCIDENTS}[{_DAY}])))", "{{severity}}")],
            colors=_SEVERITIES,
            soft_max=2,
        ),
        _time(
            "Acknowledged after", "from the pager's first word to the first acknowledgement", names.PAGER_ACKNOWLEDGE
        ),
        _time("Resolved after", "from the alert's first firing to its end", names.PAGER_RESOLVE),
    ]


def way() -> list[Panel]:
    """Notifications, escalations, automatic actions, heartbeat."""
    return [
        graph(
            "Notifications",
            "What Alertmanager sent to the pager in the last 5 minutes, by channel: accepted, repeated "
            "(known already) or refused (malformed).",
            "none",
            [
                metric(
                    f"round(sum by (channel, result) (increase({names.PAGER_NOTIFICATIONS}[5m])))",
                    "{{channel}} {{result}}",
                )
            ],
            soft_max=2,
        ),
        graph(
            "Escalations of a lab day",
            "Pages of the last 2 h that escalated: no responder acknowledged them in time, or a responder escalated.",
            "none",
            [metric(f"round(sum by (severity) (increase({names.PAGER_ESCALATIONS}[{_DAY}])))", "{{severity}}")],
            colors=_SEVERITIES,
            soft_max=2,
        ),
        graph(
            "Automatic actions of a lab day",
            "What the pager itself did or, as a dry run, would have done in the last 2 h.",
            "none",
            [
                metric(
                    f"round(sum by (action, result) (increase({names.PAGER_REMEDIATIONS}[{_DAY}])))",
                    "{{action}} {{result}}",
                )
            ],
            colors={},
            soft_max=2,
        ),
        graph(
            "Age of the heartbeat",
            "Seconds since the Watchdog that the pager received last was evaluated. At the line, 60 s, the pager opens "
            "an incident by itself. Normal: a saw of up to 35 s.",
            "s",
            [metric(overview.HEARTBEAT_AGE, "heartbeat")],
            colors={"heartbeat": BLUE},
            lines_at=((60, RED),),
            width=20,
        ),
        big_number(
            "Rotation problems",
            "What is wrong with oncall/rotation.yml: a gap, an unknown person, a shift without end. The pager's page "
            "On call shows them.",
            "none",
            latest(f"max({names.PAGER_ROTATION_PROBLEMS})"),
            steps=((None, GREEN), (1, ORANGE)),
            width=4,
        ).height(8),
    ]


def _time(title: str, meaning: str, histogram: str) -> Panel:
    """The mean, not a quantile: a lab day has a handful of incidents."""
    summed, count = (f"sum by (severity) (increase({histogram}_{part}[{_DAY}]))" for part in ("sum", "count"))
    panel = big_number(
        title,
        f"Mean of the last 2 h (a lab day), {meaning}, for pages and for tickets.",
        "s",
        latest(f"({summed} / ({count} > 0)) or on () vector(-1)", "{{severity}}"),
        steps=((None, BLUE),),
        mappings=[_NONE_YET],
        decimals=0,
        width=4,
    )
    return panel.height(8).text_mode(cm.BigValueTextMode.VALUE_AND_NAME)
