"""The parts of a running assistant: one object, made by the factory, found through the app."""

import threading
import time
from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from services.assistant.appointments.business import Business, Directory
from services.assistant.appointments.recording import AppointmentBook
from services.assistant.conversation.chat import Chat
from services.assistant.metrics import AssistantMetrics
from services.assistant.prediction.no_show import NoShowModel
from services.assistant.request_metrics import RequestCounter
from services.assistant.settings import AssistantSettings
from services.assistant.storage.database import Database, DatabaseUnavailableError
from services.assistant.storage.disk_quota import DiskQuota
from services.telemetry import Telemetry
from services.web.faults import FaultRegistry
from services.web.problems import Problem


@dataclass
class Assistant:
    """The parts of a running assistant."""

    settings: AssistantSettings
    telemetry: Telemetry
    metrics: AssistantMetrics
    database: Database
    chat: Chat
    no_show: NoShowModel
    book: AppointmentBook
    disk_quota: DiskQuota
    request_counter: RequestCounter
    directory_cache: "DirectoryCache"
    faults: FaultRegistry
    started: float = field(default_factory=time.time)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def directory(self) -> Directory:
        """All businesses. Raises DatabaseUnavailableError until they could be read."""
        return self.directory_cache.directory

    def business(self, business_id: str) -> Business:
        """Return a business and bind it to the request's signals.

        Raises:
            Problem: 404 for an unknown id.
            DatabaseUnavailableError: the businesses are not read yet."""
        business = self.directory.get(business_id)
        if business is None:
            raise Problem(404, "Unknown business", "There is no business with this id; GET /businesses lists them.")
        self.telemetry.bind(business_id=business.id)
        return business

    def close(self) -> None:
        """Stop the background threads."""
        self.stop.set()


class DirectoryCache:
    """Holds the directory once it is read: the database may start later than the assistant."""

    def __init__(self) -> None:
        self._directory: Directory | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether the directory was read."""
        return self._directory is not None

    @property
    def ids(self) -> frozenset[str]:
        """Ids of the businesses that were read."""
        return frozenset(business.id for business in self._directory or ())

    @property
    def directory(self) -> Directory:
        """All businesses. Raises DatabaseUnavailableError until they could be read."""
        if self._directory is None:
            raise DatabaseUnavailableError("not prepared yet")
        return self._directory

    def set(self, directory: Directory) -> None:
        """Store the directory."""
        self._directory = directory


def current() -> Assistant:
    """Return the assistant of the request's app."""
    return cast(Assistant, current_app.extensions["assistant"])
