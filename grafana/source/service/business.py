"""Business metrics: appointments, bookings, conversations, handoffs."""

from grafana.source import queries
from grafana.source.panels import BLUE, GREEN, ORANGE, RED, YELLOW, graph, resize
from grafana.source.sources import metric
from services.telemetry import names

PANELS = resize(
    [
        graph(
            "Appointments in the last 5 minutes",
            "Appointments of the last 5 minutes that were booked, moved and cancelled.",
            [metric(queries.increase(names.APPOINTMENTS, by="action"), "{{action}}")],
            unit="short",
            colors={"booked": GREEN, "moved": YELLOW, "cancelled": RED},
        ),
        graph(
            "Bookings in the last 5 minutes, by outcome",
            "Bookings that were begun in the last 5 minutes. done; refused: the wish cannot be met, because the time "
            "is taken or the shop closed; failed: ours, and counted by the objective of 99 %.",
            [metric(queries.increase(names.BOOKINGS, by="outcome"), "{{outcome}}")],
            unit="short",
            stacked_bars=True,
            colors={"done": GREEN, "refused": YELLOW, "failed": RED},
            soft_max=1,
        ),
        graph(
            "Conversations in the last 5 minutes",
            "Conversations of the last 5 minutes: started, ended with an appointment, handed over to a human.",
            [metric(queries.increase(names.CONVERSATIONS, by="result"), "{{result}}")],
            unit="short",
            colors={"started": BLUE, "booked": GREEN, "handed_over": ORANGE},
        ),
        graph(
            "Handoffs to a human in the last 5 minutes",
            "Conversations of the last 5 minutes that a human took over: the user asked for it, an error forced it, or "
            "the assistant did not understand.",
            [metric(queries.increase(names.HANDOFFS, by="reason"), "{{reason}}")],
            unit="short",
            colors={"asked": BLUE, "confused": YELLOW, "error": RED},
            soft_max=1,
            stacked_bars=True,
        ),
    ],
    width=6,
)
