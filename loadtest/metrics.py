"""The metrics page of the load: Locust's own figures, those of a scenario's Locust, and the synthetic journey.

The names stand in services/telemetry/names.py too, which dashboards and rules read; a test compares.
"""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from loadtest.figures import BOOKINGS, BUCKETS, Figures, total

LOCUST_USERS: Final = "locust_users"
LOCUST_REQUESTS: Final = "locust_requests_total"
LOCUST_DURATION: Final = "locust_request_duration_seconds"
LOCUST_BOOKINGS: Final = "locust_bookings_total"
JOURNEY_RUNS: Final = "lab_journey_runs_total"
JOURNEY_DURATION: Final = "lab_journey_duration_seconds"
JOURNEY_UP: Final = "lab_journey_up"
JOURNEY_FAILURES: Final = "lab_journey_failures_in_a_row"

ORIGINS: Final = ("always-on", "scenario", "journey")
STEPS: Final = ("book", "read", "cancel")
# For a run without a failing step.
NO_STEP: Final = "none"
_JOURNEY_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0)
# A scenario's Locust that has been silent for so long is gone, and its users with it. It speaks every 2 s.
_SILENCE_SECONDS = 8.0


class Load(Collector):
    """The figures of this process and of the scenarios' processes, one after the other, as metrics."""

    def __init__(self, own: Callable[[], Figures]) -> None:
        self._own = own
        # What the synthetic journey asks, in this process too.
        self.journey = Figures()
        self._lock = threading.Lock()
        # What scenarios that have ended brought, and the one that goes on.
        self._ended = Figures()
        self._run = ""
        self._running = Figures()
        self._heard_at = 0.0

    def hear(self, run: str, figures: Figures) -> None:
        """Take the newest totals of a scenario's process; another `run` is another process."""
        with self._lock:
            if run != self._run:
                self._ended = total((self._ended, self._running))
                self._ended.users = {}
                self._run = run
            self._running = figures
            self._heard_at = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        with self._lock:
            if time.monotonic() - self._heard_at > _SILENCE_SECONDS:
                self._running.users = {}
            scenarios = total((self._ended, self._running))
            each = dict(zip(ORIGINS, (self._own(), scenarios, self.journey), strict=True))
        users = GaugeMetricFamily(LOCUST_USERS, "Simulated people at this moment.", labels=("origin", "user"))
        requests = CounterMetricFamily(
            LOCUST_REQUESTS, "Requests of simulated people.", labels=("origin", "name", "method", "outcome")
        )
        durations = HistogramMetricFamily(
            LOCUST_DURATION, "Seconds that a simulated person waited for an answer.", labels=("origin", "name")
        )
        bookings = CounterMetricFamily(
            LOCUST_BOOKINGS, "Appointments that were confirmed to simulated people.", labels=("origin", "event")
        )
        for origin, figures in each.items():
            for user, number in (figures.users or {"none": 0}).items():
                users.add_metric((origin, user), number)
            for key, count in sorted(figures.requests.items()):
                requests.add_metric((origin, *key), count)
            for name, timing in sorted(figures.timings.items()):
                reached = list(accumulate(timing.counts))
                limits = [*(str(float(limit)) for limit in BUCKETS), "+Inf"]
                durations.add_metric((origin, name), list(zip(limits, reached, strict=True)), timing.seconds)
            for event in BOOKINGS:
                bookings.add_metric((origin, event), figures.bookings[event])
        yield from (users, requests, durations, bookings)


class JourneyMetrics:
    """How the synthetic journey went."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Counter(JOURNEY_RUNS, "Synthetic journeys.", ("outcome", "step"), registry=registry)
        for outcome, step in (("ok", NO_STEP), *(("failed", step) for step in STEPS)):
            self._runs.labels(outcome, step)
        self._duration = Histogram(
            JOURNEY_DURATION,
            "Seconds of a synthetic journey, also of one that failed.",
            buckets=_JOURNEY_BUCKETS,
            registry=registry,
        )
        self._up: Gauge | None = None
        self._registry = registry
        self._failures = Gauge(JOURNEY_FAILURES, "Journeys that failed since the last good one.", registry=registry)

    def ran(self, failing_step: str | None, seconds: float) -> None:
        """Note a run: the step at which it failed, None when it came to its end."""
        if self._up is None:
            # Not before the first run: neither 0 nor 1 would be true.
            self._up = Gauge(JOURNEY_UP, "1 when the newest journey came to its end.", registry=self._registry)
        self._runs.labels("failed" if failing_step else "ok", failing_step or NO_STEP).inc()
        self._duration.observe(seconds)
        self._up.set(not failing_step)
        if failing_step:
            self._failures.inc()
        else:
            self._failures.set(0)


def serve(registry: CollectorRegistry, listen: str) -> Any:
    """Serve the registry on `address:port` from a thread (under Locust a greenlet); returns the server.

    Raises:
        OSError: the port is taken.
    """
    address, port = listen.rsplit(":", 1)
    server, _ = start_http_server(int(port), address, registry)
    return server
