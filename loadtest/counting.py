"""Counts what the users of this Locust process do, and tells it to the always-on process where that is another one.

Prometheus cannot reach the Locust of a scenario: in compose it runs on the host, and it is gone within minutes. So it
pushes its totals to the page of the always-on one, which is there on either engine and shows both.
"""

import contextlib
import json
import logging
import threading
import urllib.request
import uuid
from typing import Any

from flask import Flask, Response, request

from loadtest.figures import Figures
from loadtest.ledger import Ledger
from loadtest.metrics import Load

PATH = "/figures"
_EVERY_SECONDS = 2.0
_MOST_BYTES = 100_000
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Count:
    """The figures of one Locust environment, from its events."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._figures = Figures()
        environment.events.request.add_listener(self._request)

    def now(self) -> Figures:
        """Return the figures of this moment."""
        runner = self._environment.runner
        self._figures.users = {name: count for name, count in runner.user_classes_count.items() if count}
        ledger = Ledger.of(self._environment)
        self._figures.bookings["confirmed"] = ledger.confirmations
        self._figures.bookings["cancelled"] = ledger.cancellations
        return self._figures

    def _request(
        self, request_type: str, name: str, response_time: float, exception: BaseException | None = None, **_: Any
    ) -> None:
        self._figures.request(name, request_type, (response_time or 0.0) / 1000, ok=exception is None)


class Push:
    """Sends the figures to the always-on process every two seconds, and once more when told to end."""

    def __init__(self, count: Count, url: str) -> None:
        self._count = count
        self._url = url.rstrip("/") + PATH
        self._run = uuid.uuid4().hex
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin; under Locust the thread is one of its greenlets."""
        threading.Thread(target=self._go_on, daemon=True).start()

    def end(self, **_: Any) -> None:
        """Send the last figures; nobody is left."""
        self._ended.set()
        self._send(gone=True)

    def _go_on(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._send()

    def _send(self, *, gone: bool = False) -> None:
        document = self._count.now().document()
        if gone:
            document["users"] = {}
        body = json.dumps({"run": self._run, "figures": document}).encode()
        order = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - ours
        # A lab without the always-on process has nobody who counts; the scenario runs all the same.
        with contextlib.suppress(OSError), _OPENER.open(order, timeout=2):
            pass


def receive(app: Flask, load: Load) -> None:
    """Add the address to which other processes push their figures to Locust's page."""

    @app.post(PATH)
    def figures() -> Response:
        # JSON only: no page of another site can send that here without being asked for its origin first.
        if not request.is_json or (request.content_length or 0) > _MOST_BYTES:
            return Response("figures are JSON\n", 400)
        try:
            content = request.get_json()
            load.hear(str(content["run"])[:64], Figures.read(content["figures"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            logging.getLogger("figures").warning("figures that cannot be read were refused")
            return Response("these are no figures\n", 400)
        return Response(status=204)
