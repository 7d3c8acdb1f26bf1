"""Addresses of the lab's other pages, as a browser on this machine reaches them."""

from pydantic import AnyHttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict


class PageSettings(BaseSettings):
    """Read from GRAFANA_URL, PROMETHEUS_URL, ALERTMANAGER_URL, PAGER_URL and LOADTEST_URL.

    An address that is missing or empty leaves its link out. Raises `pydantic.ValidationError`, which names the
    variable, when an address is not http or https.
    """

    # An empty value is what compose passes for a variable that is not set.
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
