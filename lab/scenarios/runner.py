"""Runs one scenario, from the question whether it may begin to its report."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.console import Console
from lab.errors import LabError
from lab.query import Endpoints, Lab, QueryError
from lab.scenarios import bookings, floor, prepare, report, screen
from lab.scenarios.alerts import Before
from lab.scenarios.lock import only_run
from lab.scenarios.servers import Servers
from lab.scenarios.session import Options, Session
from lab.scenarios.stopping import Stop, stop_on_signals
from lab.scenarios.timeline import Event, Timeline
from lab.scenarios.verdict import Row, judge
from lab.settings import LabSettings
from loadtest.scenario import Expected, Plan, Scenario

EXIT_CODES = {"passed": 0, "failed": 1, "aborted": 1, "stopped": 130}


@dataclass(frozen=True)
class Result:
    """What came of a run: `outcome` is passed, failed, aborted or stopped; `content` is its report.

    `ways` are the ways of its alerts from the fault to the pager and back.
    """

    scenario: str
    outcome: str
    rows: list[Row]
    timeline: Timeline
    path: Path
    content: dict[str, Any] = field(repr=False)
    ways: list[floor.Way] = field(default_factory=list)


def execute(scenario: type[Scenario], options: Options, settings: LabSettings, console: Console) -> int:
    """Run a scenario and return the exit code: 0 everything as declared, 1 not, 130 stopped from outside.

    Raises:
        LabError: the lab does not run, another scenario does, or something else forbids to begin.
    """
    require_lab(settings)
    plan = plan_of(scenario, options)
    with only_run(settings.home, scenario.name), stop_on_signals() as stop:
        lab = Lab(Endpoints.of(settings))
        before = may_begin(lab, settings, scenario, plan, stop=stop, console=console)
        if stop.asked:
            console.print(f"{scenario.name}: stopped before it began; nothing was switched.", highlight=False)
            return EXIT_CODES["stopped"]
        run = Run(lab, scenario, plan, options, settings, console=console, before=before, stop=stop)
        run.go()
        return EXIT_CODES[run.finish().outcome]


def require_lab(settings: LabSettings) -> None:
    """Refuse to go on when the lab does not run."""
    if settings.engine() is None:
        raise LabError("The lab does not run.", "Start it with `make up`.")


def plan_of(scenario: type[Scenario], options: Options) -> Plan:
    """Draw the plan that the options ask for.

    Raises:
        LabError: it cannot be had in the duration that is asked for.
    """
    plan = scenario.plan(options.seed, quick=options.quick, users=options.users)
    if options.duration is None:
        return plan
    try:
        return plan.lasting(options.duration)
    except ValueError as error:
        raise LabError(
            f"{options.duration:g} s are too short for `{scenario.name}`: {error}.", "Give it a longer --duration.", 2
        ) from error


def may_begin(
    lab: Lab, settings: LabSettings, scenario: type[Scenario], plan: Plan, *, stop: Stop, console: Console
) -> Before:
    """Return what was known before the run; LabError says what forbids to begin."""

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    try:
        return prepare.check(lab, settings, scenario, plan, stop=stop, say=say)
    except QueryError as error:
        raise LabError(str(error), "See `lab status`.") from error


class Run:
    """One run that may begin: `go`, then `finish`."""

    def __init__(
        self,
        lab: Lab,
        scenario: type[Scenario],
        plan: Plan,
        options: Options,
        settings: LabSettings,
        *,
        console: Console,
        before: Before,
        stop: Stop,
        prefix: str = "",
        lingers: bool = True,
        beside: frozenset[str] = frozenset(),
    ) -> None:
        self.scenario = scenario
        self._lab = lab
        self._plan = plan
        self._options = options
        self._settings = settings
        self._console = console
        self._before = before
        self._stop = stop
        self._sealed = scenario.sealed or options.blind
        self._timeline = Timeline(time.time())
        self._path = options.report or report.path_for(settings.home, scenario.name, self._timeline.started_at)
        story = "something breaks, find out what." if self._sealed else scenario.story
        self._session = Session(
            lab=lab,
            scenario=scenario,
            plan=plan,
            options=options,
            settings=settings,
            before=before,
            servers=Servers(settings),
            screen=screen.Screen(console, f"{scenario.name}: {story}", self._timeline, prefix),
            timeline=self._timeline,
            stop=stop,
            log=self._path.with_suffix(".locust.log"),
            lingers=lingers,
            beside=beside,
        )
        self._bookings: Row | None = None

    def go(self) -> None:
        """Run until it is finished, stopped or aborted; everything is as before then, but for the end of its alerts."""
        session = self._session
        session.run()
        if session.ledger and not session.stopped and not session.aborted:
            self._bookings = bookings.row(self._lab, session.ledger)

    def awaiting(self, now: float) -> tuple[str, ...]:
        """Return the alerts whose end is still to come, and in time."""
        return () if self._session.stopped else self._session.awaiting(now)

    def look(self, now: float) -> list[Event]:
        """Look which alerts ended since the run was over; return what is new."""
        return self._session.resolutions(now)

    def finish(self, others_alerts: frozenset[str] = frozenset(), *, brief: bool = False) -> Result:
        """Judge, write the report and tell of both; `others_alerts` are what else may come: it set off none of them."""
        expected = self._plan.expected
        session = self._session
        rows = judge(
            expected,
            self._timeline,
            calm=session.calm,
            holding=self._before.holding,
            # What stood before is none of its making, also when the pager hears of it only now.
            others_alerts=others_alerts | self._before.standing,
        )
        if self._bookings is not None:
            rows.append(self._bookings)
        ways = _ways(self._lab, expected, self._timeline, session.calm, self._settings)
        if session.stopped or (self._stop.asked and self.awaiting(time.time())):
            outcome = "stopped"
        elif session.aborted:
            outcome = "aborted"
        else:
            outcome = "passed" if all(row.ok for row in rows) else "failed"
        content = self._content(outcome, rows, ways)
        report.write(self._path, content, self._timeline)
        name = self.scenario.name
        if self._sealed:
            screen.print_revealed(self._console, self.scenario.story, self._timeline)
        if outcome != "stopped" and not brief:
            screen.print_end(self._console, rows, ways)
        self._console.print(f"{name}: {outcome}. Report: {self._path}", highlight=False, soft_wrap=True)
        if session.broken is not None:
            raise session.broken
        return Result(name, outcome, rows, self._timeline, self._path, content, ways)

    def _content(self, outcome: str, rows: list[Row], ways: list[floor.Way]) -> dict[str, Any]:
        options, values = self._options, self._settings.values
        return {
            "scenario": self.scenario.name,
            "story": self.scenario.story,
            "outcome": outcome,
            "reason": self._session.aborted or None,
            "exit_code": EXIT_CODES[outcome],
            "seed": options.seed,
            "quick": options.quick,
            "blind": self._sealed,
            "users": options.users,
            "duration": options.duration,
            "engine": self._settings.engine(),
            "versions": {key: value for key, value in values.items() if key.endswith("_VERSION")},
            "faults": [
                {"fault": fault.label, "service": fault.service, "at": fault.at, "duration": fault.duration}
                for fault in self._plan.faults
            ],
            "expected": [{"what": r.what, "expected": r.expected, "seen": r.seen, "ok": r.ok} for r in rows],
            "pages": [way.as_dict() for way in ways],
            "requests": self._session.users_saw,
        }


def _ways(
    lab: Lab, expected: Expected, timeline: Timeline, calm: float | None, settings: LabSettings
) -> list[floor.Way]:
    silence = float(settings.values.get("WATCHDOG_SILENCE_SECONDS") or 60)
    ways = []
    for alert in expected.proven:
        try:
            way = floor.measure(lab, timeline, alert, calm=calm, silence=silence)
        except (QueryError, KeyError):  # a service to the reader: the verdict does not need it
            way = None
        if way is not None:
            ways.append(way)
    return ways
