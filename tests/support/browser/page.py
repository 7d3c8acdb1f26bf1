"""The assistant's page in a browser: opened, and listened to."""

from datetime import datetime

import httpx
from playwright.sync_api import ConsoleMessage, Page

# Nothing listens there: the tests look at the links and do not follow them.
LAB_PAGES = {
    "GRAFANA_URL": "http://127.0.0.1:3000",
    "PROMETHEUS_URL": "http://127.0.0.1:9090",
    "ALERTMANAGER_URL": "http://127.0.0.1:9093",
    "PAGER_URL": "http://127.0.0.1:5003",
    "LOADTEST_URL": "http://127.0.0.1:8089",
}


class Complaints(list[str]):
    """What a page complained about: errors on its console, errors of its scripts, refusals by its own policy."""

    def watch(self, page: Page) -> None:
        """Collect from now on."""

        def record(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                self.append(f"{message.type}: {message.text}")

        page.on("console", record)
        page.on("pageerror", lambda error: self.append(f"script: {error}"))


def open_page(page: Page, url: str) -> Page:
    """Open the page and wait for its figures."""
    page.goto(url)
    page.locator("#figures[data-state=fresh]").wait_for()
    return page


def a_wish(api: httpx.Client, business_id: str, *, last: bool = False) -> tuple[str, str]:
    """What a person would write for a free time of a dentist, and that time as the service writes it."""
    slots: list[str] = api.get(f"/businesses/{business_id}/slots").json()["slots"]
    starts_at = slots[-1 if last else 0]
    when = datetime.fromisoformat(starts_at)
    return f"I need a cleaning on {when:%A, %B %-d} at {when:%-I:%M %p}", starts_at
