"""What the service is for."""

from grafana.source import queries
from grafana.source.panels import BLUE, GREEN, ORANGE, RED, YELLOW, Panel, graph
from grafana.source.sources import metric
from services.telemetry import names


def panels() -> list[Panel]:
    """Appointments, bookings, conversations, handoffs."""
    return [
        graph(
            "Appointments in the last 5 minutes",
            "Appointments of the last 5 minutes that were booked, moved and cancelled.",
            "short",
            [metric(queries.counted(names.APPOINTMENTS, "action"), "{{action}}")],
            colors={"booked": GREEN, "moved": YELLOW, "cancelled": RED},
            width=6,
        ),
        graph(
            "Bookings in the last 5 minutes, by outcome",
            "Bookings that were begun in the last 5 minutes. done; refused: the wish cannot be met, because the time "
            "is taken or the shop closed; failed: ours, and counted by the objective of 99 %.",
            "short",
            [metric(queries.counted(names.BOOKINGS, "outcome"), "{{outcome}}")],
            stacked_bars=True,
            colors={"done": GREEN, "refused": YELLOW, "failed": RED},
            soft_max=1,
            width=6,
        ),
        graph(
            "Conversations in the last 5 minutes",
            "Conversations of the last 5 minutes: started, ended with an appointment, handed over to a human.",
            "short",
            [metric(queries.counted(names.CONVERSATIONS, "result"), "{{result}}")],
            colors={"started": BLUE, "booked": GREEN, "handed_over": ORANGE},
            width=6,
        ),
        graph(
            "Handoffs to a human in the last 5 minutes",
            "Conversations of the last 5 minutes that a human took over: the user asked for it, an error forced it, or "
            "the assistant did not understand.",
            "short",
            [metric(queries.counted(names.HANDOFFS, "reason"), "{{reason}}")],
            colors={"asked": BLUE, "confused": YELLOW, "error": RED},
            soft_max=1,
            stacked_bars=True,
            width=6,
        ),
    ]
