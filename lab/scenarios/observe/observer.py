"""Queries the servers during a run and turns their responses into events and live statistics."""

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from lab.query import Lab, QueryError, ServerMissing
from lab.scenarios.observe.alert_observer import AlertObserver, Baseline
from lab.scenarios.observe.live_stats import LiveStats
from lab.scenarios.observe.restart_detector import RestartDetector
from lab.scenarios.observe.service_metrics import service_samples
from lab.scenarios.observe.timeline import Event, Timeline
from loadtest.scenarios.declaration import Effect, Expected

_STATS_INTERVAL_SECONDS = 2.0
_EFFECTS_INTERVAL_SECONDS = 1.0
_REQUESTS = "sum(rate(ai_requests_total[30s]))"
_FAILED = 'sum(rate(ai_requests_total{outcome!="ok"}[1m])) / (sum(rate(ai_requests_total[1m])) > 0)'
_P95 = "histogram_quantile(0.95, sum by (le) (rate(ai_response_time_seconds_bucket[1m])))"
_Query = Callable[[], Iterable[Event] | None]


class Observer:
    """Observes all signals of a run.

    An unreachable server is an event once, and so is its next response. Without faults (`faulty` is false) effects
    count from the start of the run. `hidden` marks the events of effects.
    """

    def __init__(
        self,
        lab: Lab,
        timeline: Timeline,
        baseline: Baseline,
        expected: Expected,
        *,
        needs: tuple[str, ...],
        faulty: bool,
        hidden: bool,
    ) -> None:
        self._lab = lab
        self._faulty = faulty
        self._timeline = timeline
        self._alerts = AlertObserver(baseline)
        self._hidden = hidden
        # An effect that was true before the faults proves nothing.
        self._unseen = [effect for effect in expected.effects if effect not in baseline.already_true]
        self._inhibited = expected.inhibited_alerts
        self._reads_loki = "loki" in needs
        self._absences = list(expected.absences)
        self.restart_detector = RestartDetector(lab, needs)
        self._unreachable_since: dict[str, float] = {}
        self._failed_before: float | None = None
        self._effects_at = self._stats_at = 0.0

    @property
    def unseen(self) -> tuple[Effect, ...]:
        """Return the effects that were not observed yet."""
        return tuple(self._unseen)

    def unreachable(self, now: float) -> tuple[str, float]:
        """Return the server that has been unreachable longest, and its seconds; ("", 0) when all respond."""
        if not self._unreachable_since:
            return "", 0.0
        name, since = min(self._unreachable_since.items(), key=lambda one: one[1])
        return name, now - since

    def step(self, now: float, stopped: frozenset[str] = frozenset()) -> Iterator[Event]:
        """Yield the new events; servers in `stopped` need not respond."""
        for name in stopped:
            self._unreachable_since.pop(name, None)
        run = partial(self._run, stopped=stopped)
        for server, query in self._alert_queries(now):
            yield from run(server, query)
        if self._inhibited:
            list_alerts = self._lab.alertmanager.alerts
            yield from run("alertmanager", lambda: self._alerts.alertmanager(list_alerts(), self._inhibited, now))
        if self._timeline.first("fault on") and not self._timeline.first("first failure"):
            yield from run("assistant", self._first_failure)
        if now - self._effects_at >= _EFFECTS_INTERVAL_SECONDS:
            self._effects_at = now
            yield from run("prometheus", self._in_prometheus)
            yield from run("loki", self._in_loki)
            for name in self.restart_detector.services:
                yield from run(name, partial(self.restart_detector.check, name, stopped))

    def resolutions(self, now: float) -> Iterator[Event]:
        """Yield the alerts that were cleared or resolved after the run; other runs may have stopped a server."""
        for _, query in self._alert_queries(now):
            with contextlib.suppress(QueryError):
                yield from [event for event in query() or () if event.kind in {"cleared", "resolved"}]

    def count_failed_before(self) -> None:
        """Store the number of failed requests before the first fault."""
        with contextlib.suppress(QueryError):
            self._failed_before = self._failed_requests()

    def update_stats(self, now: float, stats: LiveStats) -> None:
        """Set the rates in `stats`, every two seconds; None where Prometheus has no value."""
        if now - self._stats_at < _STATS_INTERVAL_SECONDS:
            return
        self._stats_at = now
        stats.requests_per_second = self._value(_REQUESTS)
        stats.failed_share = self._value(_FAILED)
        stats.p95_seconds = self._value(_P95)

    def _value(self, query: str) -> float | None:
        try:
            found = self._lab.prometheus.query(query)
        except QueryError:
            return None
        return found[0].value if found and not math.isnan(found[0].value) else None

    def _alert_queries(self, now: float) -> Iterator[tuple[str, _Query]]:
        yield "prometheus", lambda: self._alerts.rule_alerts("Prometheus", self._lab.prometheus.alerts(), now)
        if self._reads_loki:
            yield "loki", lambda: self._alerts.rule_alerts("Loki", self._lab.loki.alerts(), now)
        yield "pager", lambda: self._alerts.pager(self._lab.pager.incidents())

    def _failed_requests(self) -> float:
        samples = service_samples(self._lab, "assistant", "ai_requests_total", 2.0)
        return sum(one.value for one in samples if one.labels["outcome"] != "ok")

    def _first_failure(self) -> Iterable[Event]:
        if self._failed_before is not None and self._failed_requests() > self._failed_before:
            yield Event(time.time(), "first failure", "the first request has failed")

    def _in_prometheus(self) -> Iterable[Event]:
        for effect in self._due_effects("prometheus"):
            if self._is_true(effect.query):
                yield self._seen(effect)
        for absence in [one for one in self._absences if self._is_true(one.query)]:
            self._absences.remove(absence)
            yield Event(time.time(), "unwanted", absence.text, hidden=self._hidden)

    def _is_true(self, query: str) -> bool:
        return any(sample.value > 0 for sample in self._lab.prometheus.query(query))

    def _in_loki(self) -> Iterable[Event]:
        for effect in self._due_effects("loki"):
            if self._lab.loki.query(effect.query, start=self._start_of(effect), limit=1):
                yield self._seen(effect)

    def _seen(self, effect: Effect) -> Event:
        self._unseen.remove(effect)
        return Event(time.time(), "effect", effect.text, hidden=self._hidden)

    def _due_effects(self, source: str) -> list[Effect]:
        """Return the effects of a source whose fault has started."""
        return [one for one in self._unseen if one.source == source and self._start_of(one) is not None]

    def _start_of(self, effect: Effect) -> float | None:
        return self._timeline.first("fault on", effect.of) if self._faulty else self._timeline.started_at

    def _run(self, name: str, query: _Query, stopped: frozenset[str]) -> Iterator[Event]:
        try:
            events = list(query() or ())
        except ServerMissing as error:
            # A service under load may respond to a scrape slowly; it is not down.
            if name in stopped or (name in self.restart_detector.services and error.slow):
                return
            if name not in self._unreachable_since:
                self._unreachable_since[name] = time.time()
                yield Event(time.time(), "trouble", str(error))
            return
        if self._unreachable_since.pop(name, None) is not None:
            yield Event(time.time(), "trouble", f"{name} answers again")
        yield from events
