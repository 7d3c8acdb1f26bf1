"""The links of the page, in their order."""

from dataclasses import dataclass

from services.assistant.page.settings import PageSettings


@dataclass(frozen=True)
class Link:
    """One entry of the page's list of addresses."""

    address: str
    name: str
    about: str


ENDPOINTS = (
    Link("/health", "/health", "Liveness"),
    Link("/health/detailed", "/health/detailed", "The values of the cards"),
    Link("/ready", "/ready", "Readiness"),
    Link("/metrics", "/metrics", "Prometheus metrics"),
    Link("/openapi.json", "/openapi.json", "All endpoints (OpenAPI)"),
)


def lab_pages(settings: PageSettings) -> list[Link]:
    """The lab's other pages whose addresses are known."""
    pages = (
        (settings.grafana_url, "Grafana", "Dashboards, logs and traces"),
        (settings.prometheus_url, "Prometheus", "Metrics, rules and targets"),
        (settings.alertmanager_url, "Alertmanager", "Alerts and silences"),
        (settings.pager_url, "Pager", "Incidents and runbooks"),
        (settings.loadtest_url, "Locust", "Load and scenarios"),
    )
    return [Link(str(address), name, about) for address, name, about in pages if address]
