"""The metrics page of the load: baseline users, users of scenarios, and the synthetic journey."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from loadtest.stats import metric_names as names
from loadtest.stats.load_stats import BOOKINGS, BUCKETS, LoadStats, total

ORIGINS: Final = ("baseline", "scenario", "journey")
STEPS: Final = ("book", "read", "cancel")
# For a run without a failing step.
NO_STEP: Final = "none"
_JOURNEY_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0)
# A scenario's Locust sends an update every 2 s; without one for so long it has ended.
_STALE_SECONDS = 8.0


class LoadMetrics(Collector):
    """The stats of this process, of the scenarios' processes and of the journey as metrics."""

    def __init__(self, own: Callable[[], LoadStats]) -> None:
        self._own = own
        # The requests of the synthetic journey, which runs in this process.
        self.journey = LoadStats()
        self._lock = threading.Lock()
        # The totals of the scenarios that have ended, and of the current one.
        self._ended = LoadStats()
        self._run = ""
        self._running = LoadStats()
        self._updated_at = 0.0

    def update(self, run: str, stats: LoadStats) -> None:
        """Store the newest totals of the scenario's process with the id `run`."""
        with self._lock:
            if run != self._run:
                self._ended = total((self._ended, self._running))
                self._ended.users = {}
                self._run = run
            self._running = stats
            self._updated_at = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        with self._lock:
            if time.monotonic() - self._updated_at > _STALE_SECONDS:
                self._running.users = {}
            scenarios = total((self._ended, self._running))
            each = dict(zip(ORIGINS, (self._own(), scenarios, self.journey), strict=True))
        users = GaugeMetricFamily(
            names.LOCUST_USERS, "Simulated people at this moment.", labels=names.LOCUST_USERS_LABELS
        )
        requests = CounterMetricFamily(
            names.LOCUST_REQUESTS, "Requests of simulated people.", labels=names.LOCUST_REQUESTS_LABELS
        )
        durations = HistogramMetricFamily(
            names.LOCUST_DURATION,
            "Seconds that a simulated person waited for an answer.",
            labels=names.LOCUST_DURATION_LABELS,
        )
        bookings = CounterMetricFamily(
            names.LOCUST_BOOKINGS,
            "Appointments that were confirmed to simulated people.",
            labels=names.LOCUST_BOOKINGS_LABELS,
        )
        for origin, stats in each.items():
            for user, number in (stats.users or {"none": 0}).items():
                users.add_metric((origin, user), number)
            for key, count in sorted(stats.requests.items()):
                requests.add_metric((origin, *key), count)
            for name, timing in sorted(stats.timings.items()):
                reached = list(accumulate(timing.counts))
                limits = [*(str(float(limit)) for limit in BUCKETS), "+Inf"]
                durations.add_metric((origin, name), list(zip(limits, reached, strict=True)), timing.seconds)
            for event in BOOKINGS:
                bookings.add_metric((origin, event), stats.bookings[event])
        yield from (users, requests, durations, bookings)


class JourneyMetrics:
    """The results of the synthetic journey as metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Counter(names.JOURNEY_RUNS, "Synthetic journeys.", names.JOURNEY_RUNS_LABELS, registry=registry)
        for outcome, step in (("ok", NO_STEP), *(("failed", step) for step in STEPS)):
            self._runs.labels(outcome, step)
        self._duration = Histogram(
            names.JOURNEY_DURATION,
            "Seconds of a synthetic journey, also of one that failed.",
            buckets=_JOURNEY_BUCKETS,
            registry=registry,
        )
        self._up: Gauge | None = None
        self._registry = registry
        self._failures = Gauge(
            names.JOURNEY_FAILURES, "Journeys that failed since the last good one.", registry=registry
        )

    def record(self, failing_step: str | None, seconds: float) -> None:
        """Record a journey: its failing step, None after a success, and its seconds."""
        if self._up is None:
            # Before the first journey neither 0 nor 1 would be true.
            self._up = Gauge(names.JOURNEY_UP, "1 when the newest journey came to its end.", registry=self._registry)
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
