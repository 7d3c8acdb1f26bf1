"""The links of the page, and the addresses of the lab's other pages as a browser on this machine reaches them."""

from typing import NamedTuple

from pydantic import AnyHttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict


class Link(NamedTuple):
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


class PageSettings(BaseSettings):
    """Read from GRAFANA_URL, PROMETHEUS_URL, ALERTMANAGER_URL, PAGER_URL and LOADTEST_URL.

    A link without an address is left out. An address that is not http or https raises `pydantic.ValidationError`,
    which names the variable.
    """

    # Compose passes an empty value for a variable that is not set.
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore")

    grafana_url: AnyHttpUrl | None = None
    prometheus_url: AnyHttpUrl | None = None
    alertmanager_url: AnyHttpUrl | None = None
    pager_url: AnyHttpUrl | None = None
    loadtest_url: AnyHttpUrl | None = None

    @property
    def grafana_base(self) -> str:
        """Grafana's address without a slash at the end, or nothing: the page adds `/explore?...` to it."""
        return str(self.grafana_url).rstrip("/") if self.grafana_url else ""

    def links(self) -> list[Link]:
        """Return the links to the lab's other pages."""
        pages = (
            (self.grafana_url, "Grafana", "Dashboards, logs and traces"),
            (self.prometheus_url, "Prometheus", "Metrics, rules and targets"),
            (self.alertmanager_url, "Alertmanager", "Alerts and silences"),
            (self.pager_url, "Pager", "Incidents and runbooks"),
            (self.loadtest_url, "Locust", "Load and scenarios"),
        )
        return [Link(str(address), name, about) for address, name, about in pages if address]
