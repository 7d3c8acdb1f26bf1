"""Counts the requests of a Locust process; a scenario's process sends its totals to the baseline process.

Prometheus cannot scrape a scenario's Locust: with Docker Compose it runs on the host, and it ends within minutes. So
the baseline process receives its totals on Locust's page and exposes both.
"""

import contextlib
import logging
import threading
import uuid
from typing import Any

import requests
from flask import Flask, Response, request

from loadtest.http_client import send
from loadtest.stats.load_stats import LoadStats
from loadtest.stats.metrics import LoadMetrics
from loadtest.users.ledger import Ledger

PATH = "/load-stats"
_EVERY_SECONDS = 2.0
_MOST_BYTES = 100_000


class StatsCollector:
    """The stats of one Locust environment, from its events."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._stats = LoadStats()
        environment.events.request.add_listener(self._request)

    def now(self) -> LoadStats:
        """Return the current stats."""
        runner = self._environment.runner
        self._stats.users = {name: count for name, count in runner.user_classes_count.items() if count}
        ledger = Ledger.of(self._environment)
        self._stats.bookings["confirmed"] = ledger.confirmations
        self._stats.bookings["cancelled"] = ledger.cancellations
        return self._stats

    def _request(
        self, request_type: str, name: str, response_time: float, exception: BaseException | None = None, **_: Any
    ) -> None:
        self._stats.request(name, request_type, (response_time or 0.0) / 1000, ok=exception is None)


class StatsPusher:
    """Sends the stats to the baseline process every two seconds, and once more at the end."""

    def __init__(self, collector: StatsCollector, url: str) -> None:
        self._collector = collector
        self._url = url.rstrip("/") + PATH
        self._run = uuid.uuid4().hex
        self._ended = threading.Event()

    def start(self) -> None:
        """Start the thread; under Locust it is a greenlet."""
        threading.Thread(target=self._repeat, daemon=True).start()

    def end(self, **_: Any) -> None:
        """Send the last totals, without users."""
        self._ended.set()
        self._send(self._collector.now().document() | {"users": {}})

    def _repeat(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._send(self._collector.now().document())

    def _send(self, document: dict[str, Any]) -> None:
        # A lab without the baseline process has no such metrics; the scenario runs without them.
        with contextlib.suppress(requests.RequestException):
            send("POST", self._url, 2.0, json={"run": self._run, "stats": document})


def receive(app: Flask, load: LoadMetrics) -> None:
    """Add the route to Locust's page that receives the stats of other processes."""

    @app.post(PATH)
    def stats() -> Response:
        # JSON only: a page of another site cannot send it without a CORS preflight.
        if not request.is_json or (request.content_length or 0) > _MOST_BYTES:
            return Response("stats are JSON\n", 400)
        try:
            content = request.get_json()
            load.update(str(content["run"])[:64], LoadStats.read(content["stats"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            logging.getLogger("stats").warning("invalid stats were refused")
            return Response("these are no stats\n", 400)
        return Response(status=204)
