"""The running part of a scenario: until everything that was awaited has come, or its time is over."""

import time
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.query import QueryError
from lab.scenarios.judge.verdict import origin
from lab.scenarios.observe.observer import Watch
from lab.scenarios.observe.timeline import Event, Timeline
from lab.scenarios.run.context import RunContext, RunSpec
from lab.scenarios.run.faults import Faults
from lab.scenarios.run.load import Load
from lab.scenarios.run.stopped_servers import Servers
from lab.scenarios.screen import Screen
from loadtest.scenarios.declaration import users_at

_TICK = 0.25
# A server that is watched and that is away this long ends the run: what it would find means nothing.
UNREACHABLE_TIMEOUT_SECONDS = 20.0
# The users leave by themselves so long after the run should have ended, should it be killed.
_LOAD_MARGIN = 60.0


class _Abort(Exception):  # noqa: N818 - ends the run, is no error of the program
    """The run cannot go on."""


class Session:
    """A run in progress. `run` ends its faults and its users in every case."""

    def __init__(
        self,
        context: RunContext,
        spec: RunSpec,
        *,
        servers: Servers | None,
        screen: Screen,
        timeline: Timeline,
        log: Path,
    ) -> None:
        settings, plan = context.settings, spec.plan
        self._spec = spec
        self._scenario = spec.scenario
        self._plan = plan
        self._others = spec.concurrent_alerts - plan.expected.declared
        self._baseline_users = int(settings.values.get("BASELINE_USERS", "0"))
        self._screen = screen
        self._timeline = timeline
        self._stop = context.stop
        self._load = Load(settings.root, settings.url("assistant"), log, page=settings.url("loadtest"))
        self._faults = Faults(context.lab, plan.faults, timeline.started_at, servers=servers, hidden=spec.hidden)
        self._watch = Watch(
            context.lab,
            timeline,
            spec.baseline,
            plan.expected,
            needs=spec.scenario.needs,
            faulty=bool(plan.faults),
            hidden=spec.hidden,
        )
        self.user_stats: dict[str, Any] = {}
        self._users_left: float | None = None
        self.aborted = ""
        # Stopped by a signal before it was finished.
        self.stopped = False
        # An unexpected exception of our own code; the report is written all the same.
        self.broken: Exception | None = None

    @property
    def ledger(self) -> Path | None:
        """Return the file with the appointments confirmed to the scenario's users; None without users."""
        return self._load.ledger if self._plan.weights else None

    @property
    def load_ended_at(self) -> float | None:
        """Return when the load of a scenario without faults ended, Unix time; None with faults."""
        return None if self._plan.faults else self._users_left or self._timeline.started_at + self._plan.duration

    def run(self) -> None:
        """Run until it is finished, stopped or aborted; `aborted` then says why."""
        finished = False
        with self._screen.live():
            try:
                self._start_users()
                self._watch.count_before_fault()
                while not self._stop.asked and not (finished := self._step(time.time())):
                    self._stop.wait(_TICK)
                self.stopped = not finished
            except (_Abort, QueryError, LabError) as error:
                self._abort(str(error))
            except Exception as error:
                self.broken = error
                self._abort(f"the run broke: {type(error).__name__}: {error}")
            finally:
                self._end()

    def _step(self, now: float) -> bool:
        """Do what is due; return whether the run is finished."""
        for event in self._faults.step(now, enough=self._spec.options.quick and self._enough(now)):
            self._record(event)
        stopped = self._faults.away(now)
        for event in self._watch.step(now, stopped):
            self._record(event)
        self._show_now(now)
        name, seconds = self._watch.away(now)
        if seconds > UNREACHABLE_TIMEOUT_SECONDS:
            raise _Abort(f"{name} has not answered for {seconds:.0f} s")
        if name := self._watch.restarted():
            raise _Abort(f"{name} restarted: its faults ended, and its counters were reset")
        if died := self._load.died():
            raise _Abort(died)
        if not self._plan.faults and self._plan.weights and self._users_left is None and self._users_are_done(now):
            self._users_go(now)
        return self._faults.over and self._finished(now)

    def awaiting(self, now: float) -> tuple[str, ...]:
        """Return the alerts whose end is still to come, and in time."""
        off = self._timeline.last("fault off") or self.load_ended_at or now
        if self.aborted or now >= off + self._plan.expected.resolve_within:
            return ()
        first = self._timeline.first
        return tuple(
            one for one in self._plan.expected.expected_alerts if first("notified", one) and not first("resolved", one)
        )

    def resolutions(self, now: float) -> list[Event]:
        """Look which of the alerts ended, after the run; return what is new."""
        events = [one for one in self._watch.resolutions(now) if one.alert in self._plan.expected.expected_alerts]
        for event in events:
            self._timeline.add(event)
        return events

    def _users_are_done(self, now: float) -> bool:
        """Return whether the users of a scenario without faults may leave: all expectations came, or time is over."""
        expected = self._plan.expected
        limits = [*map(expected.limit, self._missing()), *(effect.within for effect in self._watch.unseen)]
        return now >= self._timeline.started_at + max(self._plan.duration, *limits, 0.0)

    def _users_go(self, now: float) -> None:
        self.user_stats = self._load.stop()
        self._users_left = now
        self._record(Event(now, "users", "the scenario's users leave"))

    def _abort(self, why: str) -> None:
        self.aborted = why
        self._record(Event(time.time(), "trouble", why))

    def _end(self) -> None:
        self._screen.now.phase = "putting everything back"
        if self._stop.asked:
            self._record(Event(time.time(), "stopping", "stop signal: faults off, users off"))
        for event in self._faults.end():
            self._record(event)
        if self._plan.weights and self._users_left is None:
            self._users_left = time.time()
            self.user_stats = self._load.stop()

    def _start_users(self) -> None:
        if not self._plan.weights:
            return
        environment = {
            "LAB_SCENARIO": self._scenario.name,
            "LAB_SEED": str(self._spec.options.seed),
            "LAB_QUICK": "1" if self._spec.options.quick else "0",
            "LAB_USERS": "" if self._spec.options.users is None else str(self._spec.options.users),
            "LAB_SECONDS": str(self._longest() + _LOAD_MARGIN),
        }
        self._load.start(environment, list(self._plan.weights))
        peak = max(stage.users for stage in self._plan.stages)
        who = ", ".join(self._plan.weights)
        self._record(Event(time.time(), "users", f"up to {peak} in addition to the baseline: {who}"))

    def _show_now(self, now: float) -> None:
        figures = self._screen.now
        figures.phase = self._faults.phase or "watching"
        figures.faults = self._faults.active
        brought = 0 if self._users_left else users_at(self._plan.stages, now - self._timeline.started_at)
        figures.users = self._baseline_users + brought
        self._watch.figures(now, figures)

    def _record(self, event: Event) -> None:
        self._timeline.add(event)
        if event.alert not in self._others:
            self._screen.show(event)

    def _enough(self, now: float) -> bool:
        """Return whether the faults have had their effects; those of a stopped server show after its restart."""
        away = self._faults.away(now)
        return not self._missing() and all(effect.source in away for effect in self._watch.unseen)

    def _missing(self) -> list[str]:
        """Return the alerts that must come and did not yet."""
        expected, first = self._plan.expected, self._timeline.first
        missing = [alert for alert in expected.pages if first("notified", alert) is None]
        return missing + [alert for alert in expected.inhibited_alerts if first("inhibited", alert) is None]

    def _finished(self, now: float) -> bool:
        """Return whether all expectations came, or their time is over."""
        expected = self._plan.expected
        start = self._timeline.first("fault on") or self._timeline.started_at
        off = self._timeline.last("fault off") or self.load_ended_at or start
        if now < max(self._timeline.started_at + self._plan.duration, off + self._scenario.cooldown_seconds):
            return False
        if any(now < origin(self._timeline, effect.of) + effect.within for effect in self._watch.unseen):
            return False
        if any(now < start + expected.limit(alert) for alert in self._missing()):
            return False
        return not (self._spec.wait_for_resolution and self.awaiting(now))

    def _longest(self) -> float:
        ends = [fault.at + fault.duration for fault in self._plan.faults]
        expected = self._plan.expected
        limits = [expected.limit(alert) for alert in expected.proven]
        return max([self._plan.duration, *ends, *limits]) + (
            expected.resolve_within if expected.expected_alerts else 0.0
        )
