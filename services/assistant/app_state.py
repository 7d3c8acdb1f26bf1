"""The parts of a running assistant: one object, created by the factory, found through the app."""

import threading
import time
from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from services.assistant.appointments.booking import AppointmentBook
from services.assistant.appointments.business import Business, Directory, Provider
from services.assistant.conversation.chat import Chat
from services.assistant.metrics import AssistantMetrics
from services.assistant.prediction.no_show import NoShowModel
from services.assistant.request_metrics import RequestCounter
from services.assistant.storage.database import Database
from services.assistant.storage.disk_quota import DiskQuota
from services.telemetry import Telemetry
from services.web.admin import AdminToken
from services.web.faults import FaultRegistry
from services.web.problems import Problem


@dataclass
class Assistant:
    """The parts of a running assistant."""

    telemetry: Telemetry
    metrics: AssistantMetrics
    database: Database
    directory: Directory
    chat: Chat
    no_show: NoShowModel
    book: AppointmentBook
    disk_quota: DiskQuota
    request_counter: RequestCounter
    faults: FaultRegistry
    admin_token: AdminToken
    started: float = field(default_factory=time.time)
    stop: threading.Event = field(default_factory=threading.Event)

    def business(self, business_id: str) -> Business:
        """Return a business and bind it to the request's signals.

        Raises:
            Problem: 404 for an unknown id.
            DatabaseUnavailableError: the businesses are not read yet.
        """
        business = self.directory.get(business_id)
        if business is None:
            raise Problem(404, "Unknown business", "There is no business with this id; GET /businesses lists them.")
        self.telemetry.bind(business_id=business.id)
        return business

    def close(self) -> None:
        """Stop the background threads."""
        self.stop.set()


def find_provider(business: Business, provider_id: str | None) -> Provider | None:
    """Return the provider with this id; None without an id.

    Raises:
        Problem: 404 for an unknown id.
    """
    provider = business.provider_by_id(provider_id) if provider_id else None
    if provider_id and provider is None:
        raise Problem(404, "Unknown provider", "This business has no provider with this id.")
    return provider


def current() -> Assistant:
    """Return the assistant of the request's app."""
    return cast(Assistant, current_app.extensions["assistant"])
