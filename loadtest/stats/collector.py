"""Counts the requests of this Locust process, and sends the totals to the baseline process where that is another one.

Prometheus cannot reach the Locust of a scenario: in compose it runs on the host, and it is gone within minutes. So it
pushes its totals to the page of the baseline one, which is there on either engine and shows both.
"""

import contextlib
import json
import logging
import threading
import urllib.request
import uuid
from typing import Any

from flask import Flask, Response, request

from loadtest.stats.load_stats import LoadStats
from loadtest.stats.metrics import LoadMetrics
from loadtest.users.ledger import Ledger

PATH = "/load-stats"
_EVERY_SECONDS = 2.0
_MOST_BYTES = 100_000
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class StatsCollector:
    """The stats of one Locust environment, from its events."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._stats = LoadStats()
        environment.events.request.add_listener(self._request)

    def now(self) -> LoadStats:
        """Return the stats of this moment."""
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

    def __init__(self, count: StatsCollector, url: str) -> None:
        self._count = count
        self._url = url.rstrip("/") + PATH
        self._run = uuid.uuid4().hex
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin; under Locust the thread is one of its greenlets."""
        threading.Thread(target=self._go_on, daemon=True).start()

    def end(self, **_: Any) -> None:
        """Send the last totals, without users."""
        self._ended.set()
        self._send(gone=True)

    def _go_on(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._send()

    def _send(self, *, gone: bool = False) -> None:
        document = self._count.now().document()
        if gone:
            document["users"] = {}
        body = json.dumps({"run": self._run, "stats": document}).encode()
        order = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - ours
        # A lab without the baseline process has no such metrics; the scenario runs all the same.
        with contextlib.suppress(OSError), _OPENER.open(order, timeout=2):
            pass


def receive(app: Flask, load: LoadMetrics) -> None:
    """Add the address to which other processes push their stats to Locust's page."""

    @app.post(PATH)
    def stats() -> Response:
        # JSON only: no page of another site can send that here without being asked for its origin first.
        if not request.is_json or (request.content_length or 0) > _MOST_BYTES:
            return Response("stats are JSON\n", 400)
        try:
            content = request.get_json()
            load.update(str(content["run"])[:64], LoadStats.read(content["stats"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            logging.getLogger("stats").warning("stats that cannot be read were refused")
            return Response("these are no stats\n", 400)
        return Response(status=204)
