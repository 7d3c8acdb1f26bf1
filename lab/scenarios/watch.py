"""Asks the servers what they see, again and again, and turns it into events and figures."""

import time
from collections.abc import Callable, Iterable, Iterator

from lab.query import Lab, QueryError, ServerMissing
from lab.scenarios import floor
from lab.scenarios.alerts import AlertWatch, Before
from lab.scenarios.screen import Now
from lab.scenarios.timeline import Event, Timeline
from loadtest.scenario import Effect

_FIGURES_EVERY = 2.0
_EFFECTS_EVERY = 1.0
_P95 = "histogram_quantile(0.95, sum by (le) (rate(ai_response_time_seconds_bucket[1m])))"
_FAILED = 'sum(rate(ai_requests_total{outcome!="ok"}[1m])) / (sum(rate(ai_requests_total[1m])) > 0)'


class Watch:
    """Everything that is looked at while a scenario runs. A server that is away is told once, and again when back."""

    def __init__(self, lab: Lab, timeline: Timeline, before: Before, effects: tuple[Effect, ...]) -> None:
        self._lab = lab
        self._timeline = timeline
        self._alerts = AlertWatch(before)
        self._unseen = list(effects)
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

    def step(self, now: float) -> Iterator[Event]:
        """Yield what is new."""
        yield from self._ask("prometheus", lambda: self._alerts.prometheus(self._lab.prometheus.alerts(), now))
        yield from self._ask("pager", lambda: self._alerts.pager(self._lab.pager.incidents()))
        fault = self._timeline.first("fault on")
        if fault is not None and self._timeline.first("first failure", since=fault) is None:
            yield from self._ask("assistant", self._first_failure)
        if now - self._effects_at >= _EFFECTS_EVERY:
            self._effects_at = now
            yield from self._ask("prometheus", self._effects)

    def count_before_fault(self) -> None:
        """Remember how many requests had failed before the first fault."""
        try:
            self._failed_before = floor.failed_answers(self._lab)
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
        if self._failed_before is not None and floor.failed_answers(self._lab) > self._failed_before:
            yield Event(time.time(), "first failure", "the first request has failed")

    def _effects(self) -> Iterable[Event]:
        for effect in list(self._unseen):
            if any(sample.value > 0 for sample in self._lab.prometheus.query(effect.query)):
                self._unseen.remove(effect)
                yield Event(time.time(), "effect", effect.text)

    def _ask(self, name: str, question: Callable[[], Iterable[Event]]) -> Iterator[Event]:
        try:
            events = list(question())
        except ServerMissing as error:
            if name not in self._away:
                self._away[name] = time.time()
                yield Event(time.time(), "trouble", str(error))
            return
        if self._away.pop(name, None) is not None:
            yield Event(time.time(), "trouble", f"{name} answers again")
        yield from events
