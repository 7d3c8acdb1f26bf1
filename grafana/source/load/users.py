"""Who asks for what, and how it ended for them."""

from grafana.source import queries
from grafana.source.load import locust
from grafana.source.panels import BLUE, GREEN, RED, Panel, graph
from grafana.source.sources import metric
from services.telemetry import names


def panels() -> list[Panel]:
    """Number of users, requests by kind and outcome, waiting time by kind."""
    return [
        graph(
            "Users",
            "Simulated people at this moment: the always-on ones, and those that a scenario brings. Each thinks a "
            "second or two between requests, so twice the users are twice the requests until something is full.",
            "short",
            [metric(f"sum({names.LOCUST_USERS}{{{locust.ALL}}})", "users")],
            colors={"users": BLUE},
            width=6,
        ),
        graph(
            "Requests by outcome, as users saw them",
            "Requests a second over the last minute by how they ended for the user. Normal: all ok.",
            "reqps",
            [metric(queries.rate(names.LOCUST_REQUESTS, locust.ALL, "outcome"), "{{outcome}}")],
            stacked_bars=True,
            colors={"ok": GREEN, "failed": RED},
            width=6,
        ),
        graph(
            "Failed requests by kind",
            "Which requests brought users no usable answer, a second over the last minute. Normal: 0. One kind alone: "
            "its route. All kinds: the service or its database is away.",
            "reqps",
            [metric(queries.rate(names.LOCUST_REQUESTS, locust.FAILED, "name"), "{{name}}")],
            stacked_bars=True,
            soft_max=1,
            width=6,
        ),
        graph(
            "p95 by kind of request",
            "95 of 100 requests of each kind were answered within this time, over the last minute, as users measured "
            "it. Normal: chat is the slowest, about a second; the rest are far below.",
            "s",
            [metric(locust.quantile(0.95, "name"), "{{name}}")],
            width=6,
        ),
    ]
