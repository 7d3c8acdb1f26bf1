"""What the routes work with: one object, made by the factory, found through the app."""

import threading
import time
from dataclasses import dataclass, field
from typing import cast

from flask import current_app, g

from services.assistant.chat import Chat
from services.assistant.database import Database, DatabaseUnavailableError
from services.assistant.directory import Business, Directory
from services.assistant.instruments import Instruments
from services.assistant.no_show import NoShowModel
from services.assistant.room import DataRoom
from services.assistant.settings import AssistantSettings
from services.assistant.tally import Tally
from services.telemetry import Telemetry
from services.web.faults import FaultRegistry
from services.web.problems import Problem


@dataclass
class Assistant:
    """The parts of a running assistant."""

    settings: AssistantSettings
    telemetry: Telemetry
    instruments: Instruments
    database: Database
    chat: Chat
    no_show: NoShowModel
    room: DataRoom
    tally: Tally
    shelf: "Shelf"
    faults: FaultRegistry
    started: float = field(default_factory=time.time)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def directory(self) -> Directory:
        """All businesses. Raises DatabaseUnavailableError until they could be read."""
        return self.shelf.directory

    def business(self, business_id: str) -> Business:
        """Return a business, and let the request's signals carry it. Raises a 404 problem."""
        business = self.directory.get(business_id)
        if business is None:
            raise Problem(404, "Unknown business", "There is no business with this id; GET /businesses lists them.")
        about(self.telemetry, business)
        return business

    def close(self) -> None:
        """End what runs beside the requests."""
        self.stop.set()


class Shelf:
    """Keeps the directory once it is read; a database that comes up later than the assistant is no reason to die."""

    def __init__(self) -> None:
        self._directory: Directory | None = None

    @property
    def is_filled(self) -> bool:
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

    def fill(self, directory: Directory) -> None:
        """Keep the directory."""
        self._directory = directory


def current() -> Assistant:
    """Return the assistant of the request's app."""
    return cast(Assistant, current_app.extensions["assistant"])


def about(telemetry: Telemetry, business: Business) -> None:
    """Let logs, span and counters of the request at hand carry the business."""
    g.business_id = business.id
    telemetry.bind(business_id=business.id)
