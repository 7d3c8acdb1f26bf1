"""Where the faults join the app."""

from flask import Flask

from services.assistant.context import Assistant
from services.assistant.faults import database, disk, memory, releases


def init_app(app: Flask, assistant: Assistant) -> None:
    """Join the app. A broken booking is no hook: bookings ask for it, see `faults.bookings`."""
    database.init_app(assistant)
    memory.init_app(app, assistant)
    disk.init_app(app, assistant)
    releases.init_app(app, assistant)
