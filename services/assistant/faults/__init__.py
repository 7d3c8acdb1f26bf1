"""Faults of the assistant, one module per kind of failure."""

from flask import Flask
from opentelemetry import trace

from services.assistant.app_state import Assistant
from services.assistant.faults import database, disk, memory, releases, request_target, scrapes
from services.assistant.faults.kinds import DISK_FILLING, MEMORY_LEAK
from services.web.faults import SPAN_ATTRIBUTE


def init_app(app: Flask, assistant: Assistant) -> None:
    """Add the hooks of the faults to the app. Bookings get theirs as a failpoint, see `faults.bookings`."""
    measures = {
        DISK_FILLING.name: ("lab.disk.free", assistant.disk_quota.free),
        MEMORY_LEAK.name: ("process.memory.usage", memory.used),
    }

    @app.before_request
    def tag_span() -> None:
        for name, (attribute, measure) in measures.items():
            fault = assistant.faults.active(name)
            if fault and request_target.route():
                trace.get_current_span().set_attributes({SPAN_ATTRIBUTE: fault.public_name, attribute: measure()})

    database.init_app(assistant)
    memory.init_app(assistant)
    disk.init_app(assistant)
    releases.init_app(app, assistant)
    scrapes.init_app(app, assistant)
