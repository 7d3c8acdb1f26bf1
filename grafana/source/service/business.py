"""What the service is for."""

from grafana.source import queries
from grafana.source.panels import BLUE, GREEN, ORANGE, RED, YELLOW, Panel, graph
from grafana.source.sources import metric
from services.telemetry import names


def panels() -> list[Panel]:
    """Appointments, conversations, handoffs."""
    return [
        graph(
            "Appointments in a lab hour",
            "Appointments of the last 5 minutes (a lab hour) that were booked, moved and cancelled.",
            "short",
            [metric(queries.counted(names.APPOINTMENTS, "action"), "{{action}}")],
            colors={"booked": GREEN, "moved": YELLOW, "cancelled": RED},
        ),
        graph(
            "Conversations in a lab hour",
            "Conversations of the last 5 minutes: started, ended with an appointment, handed over to a human.",
            "short",
            [metric(queries.counted(names.CONVERSATIONS, "result"), "{{result}}")],
            colors={"started": BLUE, "booked": GREEN, "handed_over": ORANGE},
        ),
        graph(
            "Handoffs to a human in a lab hour",
            "Conversations of the last 5 minutes that a human took over: the user asked for it, an error forced it, or "
            "the assistant did not understand.",
            "short",
            [metric(queries.counted(names.HANDOFFS, "reason"), "{{reason}}")],
            colors={"asked": BLUE, "confused": YELLOW, "error": RED},
            soft_max=1,
            stacked_bars=True,
        ),
    ]
