"""Asks the servers what they see, again and again, and turns it into events and figures."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from lab.query import Lab, QueryError, ServerMissing
from lab.scenarios.judge import alert_latency
from lab.scenarios.observe.alert_observer import AlertWatch, Baseline
from lab.scenarios.observe.restart_detector import RestartDetector
from lab.scenarios.observe.timeline import Event, Timeline
from lab.scenarios.screen import Now
from loadtest.scenarios.declaration import Effect, Expected

_FIGURES_EVERY = 2.0
_EFFECTS_EVERY = 1.0
_P95 = "histogram_quantile(0.95, sum by (le) (rate(ai_response_time_seconds_bucket[1m])))"
_FAILED = 'sum(rate(ai_requests_total{outcome!="ok"}[1m])) / (sum(rate(ai_requests_total[1m])) > 0)'


class Watch:
    """Observes all signals while a scenario runs. An unreachable server is reported once, and again when it answers."""

    def __init__(
        self,
        lab: Lab,
        timeline: Timeline,
        before: Baseline,
        expected: Expected,
        *,
        needs: tuple[str, ...] = (),
        faulty: bool = True,
        hidden: bool = False,
    ) -> None:
        self._lab = lab
        self._faulty = faulty
        self._timeline = timeline
        self._alerts = AlertWatch(before)
        self._hidden = hidden
        # What held before the faults came proves nothing.
        self._unseen = [effect for effect in expected.effects if effect not in before.already_true]
        self._inhibited = expected.inhibited_alerts
        self._reads_loki = "loki" in needs
        self._absences = list(expected.absences)
        self._restart_detector = RestartDetector(lab, needs)
        self._away: dict[str, float] = {}
        self._failed_before: float | None = None
        self._effects_at = self._figures_at = 0.0

    @property
    def unseen(self) -> tuple[Effect, ...]:
        """The effects that were not seen yet."""
        return tuple(self._unseen)

    def away(self, now: float) -> tuple[str, float]:
        """Return the server that has been away longest and for how many seconds; ("", 0) when all answer."""
        if not self._away:
            return "", 0.0
        name = min(self._away, key=lambda one: self._away[one])
        return name, now - self._away[name]

    def restarted(self) -> str:
        """Return a service that restarted without a fault of the run, or an empty text."""
        return self._restart_detector.restarted

    def step(self, now: float, stopped: frozenset[str] = frozenset()) -> Iterator[Event]:
        """Yield what is new. Servers in `stopped` are away on purpose."""
        for name in stopped:
            self._away.pop(name, None)
        ask = partial(self._ask, stopped=stopped)
        yield from ask("prometheus", lambda: self._alerts.prometheus(self._lab.prometheus.alerts(), now))
        if self._reads_loki:
            yield from ask("loki", lambda: self._alerts.loki(self._lab.loki.alerts(), now))
        if self._inhibited:
            list_alerts = self._lab.alertmanager.alerts
            yield from ask("alertmanager", lambda: self._alerts.alertmanager(list_alerts(), self._inhibited, now))
        yield from ask("pager", lambda: self._alerts.pager(self._lab.pager.incidents()))
        fault = self._timeline.first("fault on")
        if fault is not None and self._timeline.first("first failure", since=fault) is None:
            yield from ask("assistant", self._first_failure)
        if now - self._effects_at >= _EFFECTS_EVERY:
            self._effects_at = now
            yield from ask("prometheus", self._in_prometheus)
            yield from ask("loki", self._in_loki)
            for name in self._restart_detector.services:
                yield from ask(name, partial(self._restart_detector.look, name, stopped))

    def resolutions(self, now: float) -> Iterator[Event]:
        """Yield which alerts ended, once the run is over. A server that is away then may be so on purpose."""
        asked: list[Callable[[], Iterable[Event]]] = [
            lambda: self._alerts.prometheus(self._lab.prometheus.alerts(), now),
            lambda: self._alerts.pager(self._lab.pager.incidents()),
        ]
        if self._reads_loki:
            asked.append(lambda: self._alerts.loki(self._lab.loki.alerts(), now))
        for question in asked:
            with contextlib.suppress(QueryError):
                yield from [event for event in question() if event.kind in {"cleared", "resolved"}]

    def count_before_fault(self) -> None:
        """Remember how many requests had failed before the first fault."""
        try:
            self._failed_before = alert_latency.failed_answers(self._lab)
        except QueryError:
            self._failed_before = None

    def figures(self, now: float, into: Now) -> None:
        """Fill in the figures of this moment; those that cannot be had stay unknown."""
        if now - self._figures_at < _FIGURES_EVERY:
            return
        self._figures_at = now
        into.requests_per_second = self._figure("sum(rate(ai_requests_total[30s]))")
        into.failed_share = self._figure(_FAILED)
        into.p95_seconds = self._figure(_P95)

    def _figure(self, query: str) -> float | None:
        try:
            found = self._lab.prometheus.query(query)
        except QueryError:
            return None
        return found[0].value if found and found[0].value == found[0].value else None  # NaN is not itself

    def _first_failure(self) -> Iterable[Event]:
        if self._failed_before is not None and alert_latency.failed_answers(self._lab) > self._failed_before:
            yield Event(time.time(), "first failure", "the first request has failed")

    def _in_prometheus(self) -> Iterable[Event]:
        for effect in [one for one in self._begun() if one.source == "prometheus"]:
            if any(sample.value > 0 for sample in self._lab.prometheus.query(effect.query)):
                yield self._seen(effect)
        for absence in list(self._absences):
            if any(sample.value > 0 for sample in self._lab.prometheus.query(absence.query)):
                self._absences.remove(absence)
                yield Event(time.time(), "unwanted", absence.text, hidden=self._hidden)

    def _in_loki(self) -> Iterable[Event]:
        for effect in [one for one in self._begun() if one.source == "loki"]:
            if self._lab.loki.query(effect.query, start=self._begin(effect), limit=1):
                yield self._seen(effect)

    def _seen(self, effect: Effect) -> Event:
        self._unseen.remove(effect)
        return Event(time.time(), "effect", effect.text, hidden=self._hidden)

    def _begun(self) -> list[Effect]:
        """Return the effects that are looked for now: their fault has come."""
        return [effect for effect in self._unseen if self._begin(effect) is not None]

    def _begin(self, effect: Effect) -> float | None:
        if not self._faulty:
            return self._timeline.started_at
        return self._timeline.first("fault on", fault=effect.of)

    def _ask(
        self, name: str, question: Callable[[], Iterable[Event]], stopped: frozenset[str] = frozenset()
    ) -> Iterator[Event]:
        try:
            events = list(question())
        except ServerMissing as error:
            # A service under load may answer a scrape slowly; it is not down.
            if name in stopped or (name in self._restart_detector.services and error.slow):
                return
            if name not in self._away:
                self._away[name] = time.time()
                yield Event(time.time(), "trouble", str(error))
            return
        if self._away.pop(name, None) is not None:
            yield Event(time.time(), "trouble", f"{name} answers again")
        yield from events
