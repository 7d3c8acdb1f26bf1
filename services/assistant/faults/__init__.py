"""Faults of the assistant: what can be switched on, one module per kind of failure."""

from flask import Flask

from services.assistant.app_state import Assistant
from services.assistant.faults import database, disk, memory, releases


def init_app(app: Flask, assistant: Assistant) -> None:
    """Add the hooks of the faults to the app. Bookings get theirs as a failpoint, see `faults.bookings`."""
    database.init_app(assistant)
    memory.init_app(app, assistant)
    disk.init_app(app, assistant)
    releases.init_app(app, assistant)
