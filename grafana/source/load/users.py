"""Users and their requests, by kind and outcome."""

from grafana.source import queries
from grafana.source.load import locust
from grafana.source.panels import BLUE, GREEN, GREY, PURPLE, RED, graph, rare_bars, resize
from grafana.source.sources import metric
from loadtest.stats import metric_names as load_names

PANELS = resize(
    [
        graph(
            "Simulated users",
            "How many there are at this moment, by kind: BaselineUser is always on, the others come with a scenario. "
            "Each thinks a second or two between requests, so twice the people are twice the requests until something "
            "is full.",
            [metric(queries.or_none(f"sum by (user) ({load_names.LOCUST_USERS}{{{locust.ALL}}})", "user"), "{{user}}")],
            unit="short",
            colors={"BaselineUser": BLUE, "Customer": PURPLE, "none": GREY},
        ),
        graph(
            "Requests by outcome",
            "Requests a second over the last minute by how they ended for the user. Normal: all ok.",
            [metric(queries.rate(load_names.LOCUST_REQUESTS, locust.ALL, "outcome"), "{{outcome}}")],
            unit="reqps",
            stacked_bars=True,
            colors={"ok": GREEN, "failed": RED},
        ),
        rare_bars(
            "Failed requests by kind",
            "Which requests brought users no usable answer, a second over the last minute. Normal: 0. One kind alone: "
            "its route. All kinds: the service or its database is away.",
            queries.rate(load_names.LOCUST_REQUESTS, locust.FAILED, "name"),
            "name",
            unit="reqps",
        ),
        graph(
            "p95 by kind of request",
            "95 of 100 requests of each kind were answered within this time, over the last minute, as users measured "
            "it. Normal: chat is the slowest, about a second; the rest are far below.",
            [metric(queries.quantile(0.95, load_names.LOCUST_DURATION, locust.USERS, "name"), "{{name}}")],
            unit="s",
        ),
    ],
    width=6,
    height=9,
)
