"""The running part of a scenario: until everything that was awaited has come, or its time is over."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.query import Lab, QueryError
from lab.scenarios.alerts import Before
from lab.scenarios.faults import Faults
from lab.scenarios.load import Load
from lab.scenarios.screen import Screen
from lab.scenarios.servers import Servers
from lab.scenarios.stopping import Stop
from lab.scenarios.timeline import Event, Timeline
from lab.scenarios.verdict import origin
from lab.scenarios.watch import Watch
from lab.settings import LabSettings
from loadtest.scenario import Plan, Scenario, users_at

_TICK = 0.25
# A server that is watched and that is away this long ends the run: what it would find means nothing.
_AWAY_PATIENCE = 20.0
# The users leave by themselves so long after the run should have ended, should it be killed.
_LOAD_MARGIN = 60.0


@dataclass(frozen=True)
class Options:
    """What the command line says.

    `users` is the peak number beside the always-on ones and `duration` how long it lasts at least, None for the
    scenario's own; a `blind` run tells nothing of its faults before its report.
    """

    seed: int = 1
    quick: bool = False
    users: int | None = None
    duration: float | None = None
    blind: bool = False
    report: Path | None = None


class _Abort(Exception):  # noqa: N818 - ends the run, is no error of the program
    """The run cannot go on."""


class Session:
    """One run while it goes on. `run` leaves everything as it was before: faults off, users gone.

    Unless it `lingers`, it does not wait for the end of its alerts: see `resolutions`. The alerts of scenarios that run
    `beside` it are theirs to show.
    """

    def __init__(
        self,
        *,
        lab: Lab,
        scenario: type[Scenario],
        plan: Plan,
        options: Options,
        settings: LabSettings,
        before: Before,
        servers: Servers | None,
        screen: Screen,
        timeline: Timeline,
        stop: Stop,
        log: Path,
        lingers: bool = True,
        beside: frozenset[str] = frozenset(),
    ) -> None:
        self._scenario = scenario
        self._lingers = lingers
        self._theirs = beside - plan.expected.declared
        self._plan = plan
        self._options = options
        self._steady_users = int(settings.values.get("STEADY_USERS", "0"))
        self._screen = screen
        self._timeline = timeline
        self._stop = stop
        self._load = Load(settings.root, settings.url("assistant"), log, page=settings.url("loadtest"))
        sealed = scenario.sealed or options.blind
        self._faults = Faults(lab, plan.faults, timeline.started_at, servers=servers, sealed=sealed)
        self._watch = Watch(
            lab,
            timeline,
            before,
            plan.expected,
            needs=scenario.needs,
            faulty=bool(plan.faults),
            sealed=sealed,
        )
        self.users_saw: dict[str, Any] = {}
        self._users_left: float | None = None
        self.aborted = ""
        # Somebody asked to stop before it was finished.
        self.stopped = False
        # What no code of ours should ever raise; the report is written all the same.
        self.broken: Exception | None = None

    @property
    def ledger(self) -> Path | None:
        """The file with what the scenario's users were told of their appointments; None where it brought nobody."""
        return self._load.ledger if self._plan.weights else None

    @property
    def calm(self) -> float | None:
        """When the users have done what alerts may come of; None where faults do it. Unix time."""
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
        """Do and see what is due; tell whether the run is finished."""
        for event in self._faults.step(now, enough=self._options.quick and self._enough(now)):
            self._tell(event)
        stopped = self._faults.away(now)
        for event in self._watch.step(now, stopped):
            self._tell(event)
        self._show_now(now)
        name, seconds = self._watch.away(now)
        if seconds > _AWAY_PATIENCE:
            raise _Abort(f"{name} has not answered for {seconds:.0f} s")
        if name := self._watch.restarted():
            raise _Abort(f"{name} died and was started anew: its faults are gone, and what it counted began from zero")
        if died := self._load.died():
            raise _Abort(died)
        if not self._plan.faults and self._plan.weights and self._users_left is None and self._users_are_done(now):
            self._users_go(now)
        return self._faults.over and self._finished(now)

    def awaiting(self, now: float) -> tuple[str, ...]:
        """Return the alerts whose end is still to come, and in time."""
        off = self._timeline.last("fault off") or self.calm or now
        if self.aborted or now >= off + self._plan.expected.resolve_within:
            return ()
        told = self._timeline.first
        return tuple(one for one in self._plan.expected.must if told("paged", one) and not told("resolved", one))

    def resolutions(self, now: float) -> list[Event]:
        """Look which of the alerts ended, after the run; return what is new."""
        events = [one for one in self._watch.resolutions(now) if one.alert in self._plan.expected.must]
        for event in events:
            self._timeline.add(event)
        return events

    def _users_are_done(self, now: float) -> bool:
        """Tell whether the users who are the whole scenario may leave: what they are for came, or its time is over."""
        expected = self._plan.expected
        limits = [*map(expected.limit, self._missing()), *(effect.within for effect in self._watch.unseen)]
        return now >= self._timeline.started_at + max(self._plan.duration, *limits, 0.0)

    def _users_go(self, now: float) -> None:
        self.users_saw = self._load.stop()
        self._users_left = now
        self._tell(Event(now, "users", "the scenario's users leave"))

    def _abort(self, why: str) -> None:
        self.aborted = why
        self._tell(Event(time.time(), "trouble", why))

    def _end(self) -> None:
        self._screen.now.phase = "putting everything back"
        if self._stop.asked:
            self._tell(Event(time.time(), "stopping", "asked to stop: faults off, users out"))
        for event in self._faults.end():
            self._tell(event)
        if self._plan.weights and self._users_left is None:
            self._users_left = time.time()
            self.users_saw = self._load.stop()

    def _start_users(self) -> None:
        if not self._plan.weights:
            return
        environment = {
            "LAB_SCENARIO": self._scenario.name,
            "LAB_SEED": str(self._options.seed),
            "LAB_QUICK": "1" if self._options.quick else "0",
            "LAB_USERS": "" if self._options.users is None else str(self._options.users),
            "LAB_SECONDS": str(self._longest() + _LOAD_MARGIN),
        }
        self._load.start(environment, list(self._plan.weights))
        peak = max(stage.users for stage in self._plan.stages)
        who = ", ".join(self._plan.weights)
        self._tell(Event(time.time(), "users", f"up to {peak} beside the always-on ones: {who}"))

    def _show_now(self, now: float) -> None:
        figures = self._screen.now
        figures.phase = self._faults.phase or "watching"
        figures.faults = self._faults.standing
        brought = 0 if self._users_left else users_at(self._plan.stages, now - self._timeline.started_at)
        figures.users = self._steady_users + brought
        self._watch.figures(now, figures)

    def _tell(self, event: Event) -> None:
        self._timeline.add(event)
        if event.alert not in self._theirs:
            self._screen.show(event)

    def _enough(self, now: float) -> bool:
        """Tell whether the faults have done what they are for; a stopped server tells what it knows when it is back."""
        away = self._faults.away(now)
        return not self._missing() and all(effect.source in away for effect in self._watch.unseen)

    def _missing(self) -> list[str]:
        """Return the alerts that must come and did not yet."""
        expected, told = self._plan.expected, self._timeline.first
        missing = [alert for alert in expected.pages if told("paged", alert) is None]
        return missing + [alert for alert in expected.held_back if told("held back", alert) is None]

    def _finished(self, now: float) -> bool:
        """Tell whether everything came that is waited for, or its time is over."""
        expected = self._plan.expected
        start = self._timeline.first("fault on") or self._timeline.started_at
        off = self._timeline.last("fault off") or self.calm or start
        if now < max(self._timeline.started_at + self._plan.duration, off + self._scenario.aftermath):
            return False
        if any(now < origin(self._timeline, effect.of) + effect.within for effect in self._watch.unseen):
            return False
        if any(now < start + expected.limit(alert) for alert in self._missing()):
            return False
        return not (self._lingers and self.awaiting(now))

    def _longest(self) -> float:
        ends = [fault.at + fault.duration for fault in self._plan.faults]
        expected = self._plan.expected
        limits = [expected.limit(alert) for alert in expected.proven]
        return max([self._plan.duration, *ends, *limits]) + (expected.resolve_within if expected.must else 0.0)
