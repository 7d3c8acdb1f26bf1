"""Scrapes that go wrong: a slow metrics page, and a metric with one series too many."""

from flask import Flask, request

from services.assistant.app_state import Assistant
from services.assistant.faults.kinds import CONFLICTING_SERIES, SLOW_SCRAPES
from services.web.faults import ActiveFault

# A second name of the data folder.
SECOND_PATH = "data-copy"
_OPEN_METRICS = "application/openmetrics-text"


def init_app(app: Flask, assistant: Assistant) -> None:
    """Add the hook that delays scrapes, and export the second series with its fault."""

    @app.before_request
    def delay() -> None:
        # The lab command reads the page in the plain format, and is not delayed.
        if request.path == "/metrics" and _OPEN_METRICS in request.headers.get("Accept", ""):
            fault = assistant.faults.hit(SLOW_SCRAPES.name)
            if fault is not None:
                fault.ended.wait(fault.parameters["seconds"])

    def export_twice(fault: ActiveFault) -> None:
        limits = assistant.metrics.disk_limit
        limits.labels(SECOND_PATH).set(assistant.disk_quota.limit)
        fault.ended.wait()
        limits.remove(SECOND_PATH)

    assistant.faults.on_start(CONFLICTING_SERIES.name, export_twice)
