"""Runs one scenario, from its preflight to its report."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.console import Console
from lab.engines.choice import connect
from lab.errors import LabError
from lab.query import Lab, QueryError
from lab.scenarios import screen
from lab.scenarios.judge import alert_latency, bookings, report
from lab.scenarios.judge.verdict import Check, judge
from lab.scenarios.observe.timeline import Timeline
from lab.scenarios.run.context import Options, RunContext, RunSpec
from lab.scenarios.run.preflight import check_preconditions
from lab.scenarios.run.scenario_lock import scenario_lock
from lab.scenarios.run.session import Session
from lab.scenarios.run.stop_signals import stop_on_signals
from lab.settings import LabSettings
from loadtest.scenarios.declaration import Expected, Plan, Scenario

EXIT_CODES = {"passed": 0, "failed": 1, "aborted": 1, "stopped": 130}


@dataclass(frozen=True)
class Result:
    """The result of a run: `outcome` is passed, failed, aborted or stopped, `content` the report in `path`."""

    outcome: str
    checks: list[Check]
    path: Path
    content: dict[str, Any]
    latencies: list[alert_latency.AlertLatency]


def execute(scenario: type[Scenario], options: Options, settings: LabSettings, console: Console) -> int:
    """Run a scenario and return the exit code: 0 everything as declared, 1 not, 130 stopped from outside.

    Raises:
        LabError: the lab does not run, another scenario does, or the preflight failed.
    """
    require_lab(settings)
    plan = plan_of(scenario, options)
    with scenario_lock(settings.home, scenario.name), stop_on_signals() as stop:
        context = RunContext(connect(settings), settings, console, stop)
        baseline = check_preconditions(context, scenario, plan)
        if stop.is_set():
            context.say(f"{scenario.name}: stopped before it started; nothing was changed.")
            return EXIT_CODES["stopped"]
        run = Run(context, RunSpec(scenario, plan, options, baseline))
        run.execute()
        return EXIT_CODES[run.finish().outcome]


def require_lab(settings: LabSettings) -> None:
    """Raise LabError when the lab does not run."""
    if settings.engine() is None:
        raise LabError("The lab does not run.", "Start it with `make up`.")


def plan_of(scenario: type[Scenario], options: Options) -> Plan:
    """Return the plan of a scenario with these options.

    Raises:
        LabError: a fault of the plan starts after the duration.
    """
    plan = scenario.plan(options.seed, quick=options.quick, users=options.users)
    if options.duration is None:
        return plan
    try:
        return plan.with_duration(options.duration)
    except ValueError as error:
        raise LabError(
            f"{options.duration:g} s are too short for `{scenario.name}`: {error}.", "Give it a longer --duration.", 2
        ) from error


class Run:
    """One run of a scenario: `execute`, then `finish` once its alerts have resolved."""

    def __init__(self, context: RunContext, spec: RunSpec) -> None:
        self.scenario = spec.scenario
        self._context = context
        self._spec = spec
        self._timeline = Timeline(time.time())
        path = report.path_for(context.settings.home, spec.scenario.name, self._timeline.started_at)
        self._path = spec.options.report or path
        summary = "hidden faults: find the cause." if spec.hidden else spec.scenario.summary
        title = f"{spec.scenario.name}: {summary}"
        self.session = Session(
            context,
            spec,
            screen=screen.Screen(context.console, title, self._timeline, spec.prefix),
            timeline=self._timeline,
            log=self._path.with_suffix(".locust.log"),
        )
        self._bookings: Check | None = None

    def execute(self) -> None:
        """Run until the scenario has finished, is stopped or aborted; its alerts may still have to resolve."""
        session = self.session
        session.run()
        if session.ledger and not session.stopped and not session.aborted:
            self._bookings = bookings.check_bookings(self._context.lab, session.ledger)

    def finish(self, others_alerts: frozenset[str] = frozenset(), *, brief: bool = False) -> Result:
        """Judge the run, write and print its report, and return the result.

        Args:
            others_alerts: alerts that may fire without being the scenario's own.
            brief: print the outcome only.

        Raises:
            Exception: the unexpected error that aborted the run.
        """
        expected, session = self._spec.plan.expected, self.session
        checks = judge(
            expected,
            self._timeline,
            load_ended_at=session.load_ended_at,
            already_true=self._spec.baseline.already_true,
            # Alerts that were active before are not its own, even if they are notified during the run.
            others_alerts=others_alerts | self._spec.baseline.active_alerts,
        )
        if self._bookings is not None:
            checks.append(self._bookings)
        latencies = _latencies(
            self._context.lab, expected, self._timeline, session.load_ended_at, self._context.settings
        )
        if session.stopped or (self._context.stop.is_set() and session.unresolved(time.time())):
            outcome = "stopped"
        elif session.aborted:
            outcome = "aborted"
        else:
            outcome = "passed" if all(row.ok for row in checks) else "failed"
        content = self._content(outcome, checks, latencies)
        report.write(self._path, content)
        if self._spec.hidden:
            screen.print_revealed(self._context.console, self.scenario.summary, self._timeline)
        if outcome != "stopped" and not brief:
            screen.print_end(self._context.console, checks, latencies)
        self._context.say(f"{self.scenario.name}: {outcome}. Report: {self._path}")
        if session.error is not None:
            raise session.error
        return Result(outcome, checks, self._path, content, latencies)

    def _content(
        self, outcome: str, checks: list[Check], latencies: list[alert_latency.AlertLatency]
    ) -> dict[str, Any]:
        options, values = self._spec.options, self._context.settings.values
        return {
            "scenario": self.scenario.name,
            "summary": self.scenario.summary,
            "outcome": outcome,
            "reason": self.session.aborted or None,
            "exit_code": EXIT_CODES[outcome],
            "seed": options.seed,
            "quick": options.quick,
            "blind": self._spec.hidden,
            "users": options.users,
            "duration": options.duration,
            "engine": self._context.settings.engine(),
            "versions": {key: value for key, value in values.items() if key.endswith("_VERSION")},
            "faults": [
                {"fault": fault.label, "service": fault.service, "at": fault.at, "duration": fault.duration}
                for fault in self._spec.plan.faults
            ],
            "expected": [{"what": r.what, "expected": r.expected, "observed": r.seen, "ok": r.ok} for r in checks],
            "pages": [latency.as_dict() for latency in latencies],
            "requests": self.session.user_stats,
            **report.timeline_content(self._timeline),
        }


def _latencies(
    lab: Lab, expected: Expected, timeline: Timeline, load_ended_at: float | None, settings: LabSettings
) -> list[alert_latency.AlertLatency]:
    silence = float(settings.values.get("WATCHDOG_SILENCE_SECONDS") or 60)
    latencies = []
    for alert in expected.proven:
        try:
            latency = alert_latency.measure(lab, timeline, alert, load_ended_at=load_ended_at, silence=silence)
        except (QueryError, KeyError):  # the verdict does not need it
            continue
        if latency is not None:
            latencies.append(latency)
    return latencies
