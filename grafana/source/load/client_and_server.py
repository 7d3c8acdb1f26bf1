"""The same requests as Locust's users and as the service measured them, in one graph each."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as dm

from grafana.source import links, queries
from grafana.source.load import locust
from grafana.source.panels import BLUE, YELLOW, Links, Panel, Steps, graph
from grafana.source.sources import metric
from loadtest.stats import metric_names as load_names
from services.telemetry import names

USERS: Final = "users saw"
SERVICE: Final = "service saw"


def _compare(
    title: str,
    description: str,
    *,
    unit: str,
    users: str,
    service: str,
    data_links: Links,
    lines_at: Steps = (),
    soft_max: float | None = None,
) -> Panel:
    """Draw the service's side as an area and the users' as a line over it: a difference is a visible gap."""
    panel = graph(
        title,
        description,
        [metric(service, SERVICE), metric(users, USERS)],
        unit=unit,
        colors={SERVICE: BLUE, USERS: YELLOW},
        lines_at=lines_at,
        soft_max=soft_max,
        links=data_links,
    ).span(6)
    area = [dm.DynamicConfigValue("custom.fillOpacity", 35), dm.DynamicConfigValue("custom.lineWidth", 1)]
    line = [dm.DynamicConfigValue("custom.fillOpacity", 0)]
    return panel.override_by_name(SERVICE, area).override_by_name(USERS, line)


PANELS = [
    _compare(
        "Requests, client vs server",
        "Requests a second over the last minute. Normal: the two lie on each other. Yellow above blue: requests do not "
        "arrive, look whether the assistant is up. Blue above yellow: other users send requests too, for instance you.",
        unit="reqps",
        users=locust.RATE,
        service=queries.rate(f"{names.HTTP_DURATION}_count", queries.USER_ROUTES),
        data_links=[links.ACCESS_LOG],
    ),
    _compare(
        "Failed share, client vs server",
        "Share of the requests of the last minute that failed. Normal: both 0. Users count what they cannot use, also "
        "a time-out, a refused connection or an answer of 400 to 499; the service counts errors and fallback answers. "
        "Yellow alone: the service is away, or users ask for what does not exist. The lines are the alerts' "
        "thresholds, 5 % and 10 %.",
        unit="percentunit",
        users=locust.FAILED_SHARE,
        service=queries.FAILED_SHARE,
        data_links=[links.ERROR_LOGS, links.FAILED_TRACES],
        lines_at=((queries.ERROR_RATE_HIGH, "semi-dark-orange"), (queries.ERROR_RATE_CRITICAL, "semi-dark-red")),
        soft_max=0.15,
    ),
    _compare(
        "p95, client vs server",
        "95 of 100 requests of the last minute were answered within this time. Normal: a few milliseconds apart. "
        "Yellow far above blue: requests wait before the service's clock starts, for a thread or on the way; look at "
        "CPU below and at requests in flight on the dashboard Service.",
        unit="s",
        users=queries.quantile(0.95, load_names.LOCUST_DURATION, locust.ALL),
        service=queries.quantile(0.95, names.HTTP_DURATION, queries.USER_ROUTES),
        data_links=[links.SLOW_TRACES],
    ),
    _compare(
        "Bookings, client vs server",
        "Appointments of the last 5 minutes: confirmed to users, and booked in the database. Normal: the "
        "two lie on each other. Yellow above blue for more than a few seconds: users were promised what is not booked.",
        unit="short",
        users=queries.increase(load_names.LOCUST_BOOKINGS, f'{locust.ALL},event="confirmed"'),
        service=queries.increase(names.APPOINTMENTS, f'{queries.ASSISTANT},action="booked"'),
        data_links=[links.ACCESS_LOG],
    ),
]
