"""Runs one scenario, from its preflight to its report."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.console import Console
from lab.engines.choice import connect
from lab.errors import LabError
from lab.query import QueryError
from lab.scenarios import screen
from lab.scenarios.judge import alert_latency, report
from lab.scenarios.judge.verdict import Check, judge
from lab.scenarios.run.context import Options, RunContext, RunSpec
from lab.scenarios.run.preflight import check_preconditions
from lab.scenarios.run.scenario_lock import scenario_lock
from lab.scenarios.run.session import Session
from lab.scenarios.run.stop_signals import stop_on_signals
from lab.settings import LabSettings
from loadtest.scenarios.declaration import Plan, Scenario

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
        session = Session(context, RunSpec(scenario, plan, options, baseline))
        session.run()
        return EXIT_CODES[finish(session).outcome]


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


def finish(session: Session, others_alerts: frozenset[str] = frozenset(), *, brief: bool = False) -> Result:
    """Judge a run, write and print its report, and return the result.

    Args:
        session: the run, whose alerts have resolved or had the time to.
        others_alerts: alerts that may fire without being the scenario's own.
        brief: print the outcome only.

    Raises:
        Exception: the unexpected error that aborted the run.
    """
    context, spec, timeline = session.context, session.spec, session.timeline
    checks = judge(
        spec.plan.expected,
        timeline,
        load_ended_at=session.load_ended_at,
        already_true=spec.baseline.already_true,
        # Alerts that were active before are not its own, even if they are notified during the run.
        others_alerts=others_alerts | spec.baseline.active_alerts,
    )
    if session.bookings is not None:
        checks.append(session.bookings)
    latencies = _latencies(session)
    if session.stopped or (context.stop.is_set() and session.unresolved(time.time())):
        outcome = "stopped"
    elif session.aborted:
        outcome = "aborted"
    else:
        outcome = "passed" if all(check.ok for check in checks) else "failed"
    content = _content(session, outcome, checks, latencies)
    report.write(session.report_path, content)
    if spec.hidden:
        screen.print_revealed(context.console, spec.scenario.summary, timeline)
    if outcome != "stopped" and not brief:
        screen.print_end(context.console, checks, latencies)
    context.say(f"{spec.scenario.name}: {outcome}. Report: {session.report_path}")
    if session.error is not None:
        raise session.error
    return Result(outcome, checks, session.report_path, content, latencies)


def _content(
    session: Session, outcome: str, checks: list[Check], latencies: list[alert_latency.AlertLatency]
) -> dict[str, Any]:
    spec, settings = session.spec, session.context.settings
    return {
        "scenario": spec.scenario.name,
        "summary": spec.scenario.summary,
        "outcome": outcome,
        "reason": session.aborted or None,
        "exit_code": EXIT_CODES[outcome],
        "seed": spec.options.seed,
        "quick": spec.options.quick,
        "blind": spec.hidden,
        "users": spec.options.users,
        "duration": spec.options.duration,
        "engine": settings.engine(),
        "versions": {key: value for key, value in settings.values.items() if key.endswith("_VERSION")},
        "faults": [
            {"fault": fault.label, "service": fault.service, "at": fault.at, "duration": fault.duration}
            for fault in spec.plan.faults
        ],
        "expected": [{"what": c.what, "expected": c.expected, "observed": c.seen, "ok": c.ok} for c in checks],
        "pages": [latency.as_dict() for latency in latencies],
        "requests": session.user_stats,
        **report.timeline_content(session.timeline),
    }


def _latencies(session: Session) -> list[alert_latency.AlertLatency]:
    silence = float(session.context.settings.values.get("WATCHDOG_SILENCE_SECONDS") or 60)
    latencies = []
    for alert in session.spec.plan.expected.proven:
        with contextlib.suppress(QueryError, KeyError):  # the verdict does not need it
            latency = alert_latency.measure(
                session.context.lab, session.timeline, alert, load_ended_at=session.load_ended_at, silence=silence
            )
            if latency is not None:
                latencies.append(latency)
    return latencies
