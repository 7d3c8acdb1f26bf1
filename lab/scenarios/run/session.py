"""The running part of a scenario: until every expectation was observed, or its time has passed."""

import time
from typing import Any

from lab.errors import LabError
from lab.query import QueryError
from lab.scenarios.judge import report
from lab.scenarios.judge.bookings import check_bookings
from lab.scenarios.judge.verdict import Check
from lab.scenarios.observe.observer import Observer
from lab.scenarios.observe.timeline import Event, Timeline
from lab.scenarios.run.context import RunContext, RunSpec
from lab.scenarios.run.faults import Faults
from lab.scenarios.run.load import Load
from lab.scenarios.run.stopped_servers import Servers
from lab.scenarios.screen import Screen
from loadtest.scenarios.declaration import users_at

_TICK = 0.25
# A run ends when an observed server is unreachable for so long: its results would mean nothing.
UNREACHABLE_TIMEOUT_SECONDS = 20.0
# After a killed run its users leave so long after its latest end.
_LOAD_MARGIN = 60.0


class _Abort(Exception):  # noqa: N818 - ends the run, is no error of the program
    """The run cannot continue."""


class Session:
    """One run of a scenario; `run` ends its faults and its users in every case.

    `aborted` is the reason of a run that could not continue, `stopped` is true after a stop signal, and `error` is an
    unexpected exception, to be raised after the report. `bookings` is the check of the users' bookings.
    """

    def __init__(self, context: RunContext, spec: RunSpec) -> None:
        settings, plan = context.settings, spec.plan
        self.context = context
        self.spec = spec
        self.timeline = Timeline(time.time())
        default = report.path_for(settings.home, spec.scenario.name, self.timeline.started_at)
        self.report_path = spec.options.report or default
        summary = "hidden faults: find the cause." if spec.hidden else spec.scenario.summary
        self._screen = Screen(context.console, f"{spec.scenario.name}: {summary}", self.timeline, spec.prefix)
        self._plan = plan
        self._expected = plan.expected
        self._others = spec.concurrent_alerts - plan.expected.declared
        self._baseline_users = int(settings.values.get("BASELINE_USERS", "0"))
        self._stop = context.stop
        log = self.report_path.with_suffix(".locust.log")
        self._load = Load(settings.root, settings.url("assistant"), log, page=settings.url("loadtest"))
        self._faults = Faults(context.lab, Servers(settings), plan.faults, self.timeline.started_at, hidden=spec.hidden)
        self._observer = Observer(
            context.lab,
            self.timeline,
            spec.baseline,
            plan.expected,
            needs=spec.scenario.needs,
            faulty=bool(plan.faults),
            hidden=spec.hidden,
        )
        self.user_stats: dict[str, Any] = {}
        self._users_left_at: float | None = None
        self.aborted = ""
        self.stopped = False
        self.error: Exception | None = None
        self.bookings: Check | None = None

    @property
    def load_ended_at(self) -> float | None:
        """Return when the load of a scenario without faults ended, Unix time; None with faults."""
        if self._plan.faults:
            return None
        return self._users_left_at or self.timeline.started_at + self._plan.duration

    def run(self) -> None:
        """Run until the scenario has finished, is stopped or aborted."""
        finished = False
        with self._screen.live():
            try:
                self._start_users()
                self._observer.count_failed_before()
                while not self._stop.is_set() and not (finished := self._step(time.time())):
                    self._stop.wait(_TICK)
                self.stopped = not finished
            except (_Abort, QueryError, LabError) as error:
                self._abort(str(error))
            except Exception as error:
                self.error = error
                self._abort(f"the run failed: {type(error).__name__}: {error}")
            finally:
                self._end()
        if self._plan.weights and not self.stopped and not self.aborted:
            self.bookings = check_bookings(self.context.lab, self._load.ledger)

    def unresolved(self, now: float) -> tuple[str, ...]:
        """Return the notified alerts that still have time to resolve."""
        ended_at = self.timeline.last("fault off") or self.load_ended_at or now
        if self.stopped or self.aborted or now >= ended_at + self._expected.resolve_within:
            return ()
        records = map(self.timeline.alert, self._expected.expected_alerts)
        return tuple(one.alert for one in records if one.notified_at is not None and one.resolved_at is None)

    def observe_resolutions(self, now: float) -> list[Event]:
        """Return the expected alerts that were cleared or resolved after the run, each once."""
        events = [one for one in self._observer.resolutions(now) if one.alert in self._expected.expected_alerts]
        for event in events:
            self.timeline.add(event)
        return events

    def _step(self, now: float) -> bool:
        """Do what is due; return whether the run is finished."""
        for event in self._faults.step(now, enough=self.spec.options.quick and self._seen_all(now)):
            self._record(event)
        for event in self._observer.step(now, self._faults.stopped(now)):
            self._record(event)
        self._update_screen(now)
        name, seconds = self._observer.unreachable(now)
        if seconds > UNREACHABLE_TIMEOUT_SECONDS:
            raise _Abort(f"{name} has not answered for {seconds:.0f} s")
        if name := self._observer.restart_detector.restarted:
            raise _Abort(f"{name} restarted: its faults ended, and its counters were reset")
        if reason := self._load.failure():
            raise _Abort(reason)
        if not self._plan.faults and self._plan.weights and self._users_left_at is None and self._users_due(now):
            self._stop_users(now)
            self._record(Event(now, "users", "the scenario's users leave"))
        return self._faults.ended and self._finished(now)

    def _users_due(self, now: float) -> bool:
        """Return whether the users of a scenario without faults may leave: all was seen, or its time has passed."""
        limits = [*map(self._expected.limit, self._missing()), *(effect.within for effect in self._observer.unseen)]
        return now >= self.timeline.started_at + max(self._plan.duration, *limits, 0.0)

    def _stop_users(self, now: float) -> None:
        self._users_left_at = now
        self.user_stats = self._load.stop()

    def _abort(self, reason: str) -> None:
        self.aborted = reason
        self._record(Event(time.time(), "trouble", reason))

    def _end(self) -> None:
        self._screen.stats.phase = "cleaning up"
        if self._stop.is_set():
            self._record(Event(time.time(), "stopping", "stop signal: faults off, users off"))
        for event in self._faults.end():
            self._record(event)
        if self._plan.weights and self._users_left_at is None:
            self._stop_users(time.time())

    def _start_users(self) -> None:
        if not self._plan.weights:
            return
        options = self.spec.options
        environment = {
            "LAB_SCENARIO": self.spec.scenario.name,
            "LAB_SEED": str(options.seed),
            "LAB_QUICK": "1" if options.quick else "0",
            "LAB_USERS": "" if options.users is None else str(options.users),
            "LAB_SECONDS": str(self._max_duration() + _LOAD_MARGIN),
        }
        self._load.start(environment, list(self._plan.weights))
        peak = max(stage.users for stage in self._plan.stages)
        classes = ", ".join(self._plan.weights)
        self._record(Event(time.time(), "users", f"up to {peak} in addition to the baseline: {classes}"))

    def _update_screen(self, now: float) -> None:
        stats = self._screen.stats
        stats.phase = self._faults.phase or "watching"
        stats.faults = self._faults.active
        users = 0 if self._users_left_at else users_at(self._plan.stages, now - self.timeline.started_at)
        stats.users = self._baseline_users + users
        self._observer.update_stats(now, stats)

    def _record(self, event: Event) -> None:
        self.timeline.add(event)
        if event.alert not in self._others:
            self._screen.show(event)

    def _seen_all(self, now: float) -> bool:
        """Return whether all expectations were observed, but those of stopped servers, which show after the restart."""
        stopped = self._faults.stopped(now)
        return not self._missing() and all(effect.source in stopped for effect in self._observer.unseen)

    def _missing(self) -> list[str]:
        """Return the alerts that must still be notified or inhibited."""
        alert = self.timeline.alert
        missing = [name for name in self._expected.pages if alert(name).notified_at is None]
        return missing + [name for name in self._expected.inhibited_alerts if alert(name).inhibited_at is None]

    def _finished(self, now: float) -> bool:
        """Return whether all expectations were observed, or their time has passed."""
        start = self.timeline.origin
        ended_at = self.timeline.last("fault off") or self.load_ended_at or start
        if now < max(self.timeline.started_at + self._plan.duration, ended_at + self.spec.scenario.cooldown_seconds):
            return False
        for effect in self._observer.unseen:
            if now < (self.timeline.first("fault on", effect.of) or self.timeline.started_at) + effect.within:
                return False
        if any(now < start + self._expected.limit(alert) for alert in self._missing()):
            return False
        return not (self.spec.wait_for_resolution and self.unresolved(now))

    def _max_duration(self) -> float:
        ends = [fault.at + fault.duration for fault in self._plan.faults]
        limits = map(self._expected.limit, self._expected.proven)
        resolve_within = self._expected.resolve_within if self._expected.expected_alerts else 0.0
        return max([self._plan.duration, *ends, *limits]) + resolve_within
