"""Runs one scenario, from the question whether it may begin to its report."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from lab.errors import LabError
from lab.query import Endpoints, Lab, QueryError
from lab.scenarios import bookings, floor, prepare, report, screen
from lab.scenarios.alerts import Before
from lab.scenarios.lock import only_run
from lab.scenarios.servers import Servers
from lab.scenarios.session import Options, Session
from lab.scenarios.stopping import Stop, stop_on_signals
from lab.scenarios.timeline import Timeline
from lab.scenarios.verdict import Row, judge
from lab.settings import LabSettings
from loadtest.scenario import Plan, Scenario

EXIT_CODES = {"passed": 0, "failed": 1, "aborted": 1, "stopped": 130}


@dataclass(frozen=True)
class Result:
    """What came of a run: `outcome` is passed, failed, aborted or stopped; `content` is its report."""

    scenario: str
    outcome: str
    rows: list[Row]
    timeline: Timeline
    path: Path
    content: dict[str, Any] = field(repr=False)


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
        )

    def go(self) -> None:
        """Run until it is finished, stopped or aborted; everything is as before then."""
        self._session.run()

    def finish(self, others_alerts: frozenset[str] = frozenset(), *, brief: bool = False) -> Result:
        """Judge, write the report and tell of both; `others_alerts` are those of scenarios that ran side by side."""
        expected = self._plan.expected
        session = self._session
        rows = judge(
            expected,
            self._timeline,
            calm=session.calm,
            holding=self._before.holding,
            others_alerts=others_alerts,
        )
        if session.ledger and not self._stop.asked and not session.aborted:
            rows.append(bookings.row(self._lab, session.ledger))
        ways = _ways(self._lab, expected.must, self._timeline)
        if self._stop.asked:
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
        return Result(name, outcome, rows, self._timeline, self._path, content)

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


def _ways(lab: Lab, alerts: tuple[str, ...], timeline: Timeline) -> list[floor.Way]:
    ways = []
    for alert in alerts:
        try:
            way = floor.measure(lab, timeline, alert)
        except (QueryError, KeyError):  # a service to the reader: the verdict does not need it
            way = None
        if way is not None:
            ways.append(way)
    return ways
