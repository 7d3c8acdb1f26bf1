"""Runs many scenarios: independent ones at the same time, the others one after the other.

A drill does not wait until the alerts of a scenario have resolved: it watches them while it continues, and judges the
scenario then.
"""

import math
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from lab.console import Console
from lab.engines.choice import connect
from lab.errors import LabError
from lab.scenarios.drill.groups import Group, Member, concurrent_alerts, conflicts_with_earlier, group_members
from lab.scenarios.drill.resolution_watcher import FinishedRun, ResolutionWatcher
from lab.scenarios.drill.scheduler import BlockReason, Scheduler
from lab.scenarios.judge import measured_times, report
from lab.scenarios.observe.alert_observer import Baseline
from lab.scenarios.run.context import Options, RunContext, RunSpec
from lab.scenarios.run.preflight import SkippedError, check_preconditions, warmup_remaining
from lab.scenarios.run.runner import EXIT_CODES, Result, finish, plan_of, require_lab
from lab.scenarios.run.scenario_lock import scenario_lock
from lab.scenarios.run.session import Session
from lab.scenarios.run.stop_signals import stop_on_signals
from lab.scenarios.screen import print_line
from lab.settings import LabSettings
from loadtest.scenarios.declaration import Scenario
from loadtest.scenarios.registry import Broken

# A drill waits so long until a scenario may start; then the preflight of the first one reports what blocks it.
_MAX_WAIT_SECONDS = 330.0
# For so long after a scenario its alerts may fire without being those of the next one.
_ALERT_GRACE_SECONDS = 180.0
_COLOURS = {"passed": "green", "failed": "red", "aborted": "red", "refused": "red", "skipped": "yellow"}


@dataclass
class DrillResult:
    """The result of one scenario: passed, failed, aborted, stopped, refused by its preflight, skipped or not run."""

    scenario: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0
    result: Result | None = None

    @property
    def bad(self) -> bool:
        """Return whether the drill fails for it; it does not for a skipped scenario."""
        return self.outcome not in {"passed", "skipped"}


@dataclass
class Drill:
    """The scenarios of one drill and their results."""

    context: RunContext
    options: Options
    results: list[DrillResult] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._scheduler = Scheduler(self.context.lab, self.context.settings)
        self._resolutions = ResolutionWatcher(self.context.say)
        # Alerts of earlier runs that may still fire, and until which Unix time.
        self._residual_alerts: list[tuple[frozenset[str], float]] = []

    def run(self, groups: Iterable[Group]) -> None:
        """Run the groups, each when nothing blocks it; after Ctrl-C the others are not run."""
        left = list(groups)
        if active := self._scheduler.active():
            self._scheduler.active_alerts = active.active_alerts
        with self._resolutions:
            while left and (group := self._next(left)):
                left.remove(group)
                self._run_group(group)
            while self._resolutions.pending_resolutions() and not self.context.stop.wait(1.0):
                self._judge_resolved()
            self._judge_resolved(all_=True)
        self.results += [DrillResult(member.scenario.name, "not run") for group in left for member in group]

    def _next(self, left: list[Group]) -> Group | None:
        """Wait until one of the groups may start and return it, None after a stop signal."""
        deadline = time.monotonic() + _MAX_WAIT_SECONDS
        reported = False
        while not self.context.stop.is_set():
            self._judge_resolved()
            free, blocked = self._find_free(left)
            if free is not None:
                return free
            late = time.monotonic() > deadline
            for group, reason in blocked:
                if reason.soft or (late and not reason.transient):
                    return group
            if blocked and not reported:
                self.context.say(f"Waiting: {blocked[0][1].text}.")
                reported = True
            self.context.stop.wait(1.0)
        return None

    def _find_free(self, left: list[Group]) -> tuple[Group | None, list[tuple[Group, BlockReason]]]:
        """Return the first group that nothing blocks, and the groups before it with what blocks them."""
        now, awaited = self._scheduler.active(), self._resolutions.pending_resolutions()
        blocked: list[tuple[Group, BlockReason]] = []
        for position, group in enumerate(left):
            is_last = any(member.scenario.last for member in group)
            if conflicts_with_earlier(group, left[:position]) or (is_last and (awaited or position > 0)):
                continue
            reasons = (self._scheduler.blocked_by(member, now, awaited) for member in group)
            reason = next((one for one in reasons if one), None)
            if reason is None:
                return group, blocked
            blocked.append((group, reason))
        return None, blocked

    def _run_group(self, group: Group) -> None:
        began = time.monotonic()
        runs: list[tuple[Member, Session, frozenset[str]]] = []
        for member in group:
            result = DrillResult(member.scenario.name, "stopped")
            self.results.append(result)
            try:
                baseline = check_preconditions(self.context, member.scenario, member.plan)
            except SkippedError as error:
                result.outcome, result.reason = "skipped", error.message
                continue
            except LabError as error:
                result.outcome, result.reason = "refused", error.message
                self.context.say(f"{member.scenario.name}: {error.message}")
                continue
            spec = RunSpec(
                member.scenario,
                member.plan,
                self.options,
                baseline,
                wait_for_resolution=False,
                concurrent_alerts=concurrent_alerts(group, member),
                prefix=member.scenario.name if len(group) > 1 else "",
            )
            runs.append((member, Session(self.context, spec), self._others(group, member, baseline)))
        with ThreadPoolExecutor(max_workers=len(group)) as workers:
            for future in [workers.submit(session.run) for _, session, _ in runs]:
                future.result()
        for member, session, others in runs:
            self._resolutions.add(FinishedRun(session, others, time.monotonic() - began))
            self._residual_alerts.append((member.alerts, time.time() + _ALERT_GRACE_SECONDS))
            self._residual_alerts.append((frozenset(member.plan.expected.expected_without_resolve), math.inf))
        self._judge_resolved()

    def _others(self, group: Group, member: Member, baseline: Baseline) -> frozenset[str]:
        """Return the alerts that may fire during a scenario without being its own."""
        now = time.time()
        residual = [names for names, until in self._residual_alerts if now < until]
        return baseline.active_alerts.union(*residual, concurrent_alerts(group, member))

    def _judge_resolved(self, *, all_: bool = False) -> None:
        """Judge the runs whose alerts have resolved, or all runs."""
        for finished in self._resolutions.pop_resolved(all_=all_):
            name = finished.session.spec.scenario.name
            result = next(one for one in self.results if one.scenario == name)
            result.seconds = finished.seconds
            try:
                run = finish(finished.session, finished.others, brief=True)
            except Exception as error:  # its report is written; the other scenarios continue
                result.outcome, result.reason = "aborted", f"{type(error).__name__}: {error}"
                continue
            failed = "; ".join(f"{check.what}: {check.seen}" for check in run.checks if not check.ok)
            result.outcome, result.result = run.outcome, run
            result.reason = str(run.content["reason"] or failed)


def execute(
    scenarios: list[type[Scenario]],
    broken: list[Broken],
    options: Options,
    settings: LabSettings,
    console: Console,
    *,
    table: Path | None = None,
) -> int:
    """Run the scenarios and return the exit code: 0 all passed, 1 not, 130 stopped from outside.

    Args:
        scenarios: the scenarios of the drill.
        broken: scenario files that cannot be used; they fail the drill.
        options: seed, quick and report of the command line.
        settings: the settings of the lab.
        console: the terminal.
        table: Markdown file for the measured alert latencies.

    Raises:
        LabError: the lab does not run, or another scenario does.
    """
    require_lab(settings)
    began = time.time()
    path = options.report or report.path_for(settings.home, "drill", began)
    each = Options(options.seed, options.quick)
    members = [Member(scenario, plan_of(scenario, each)) for scenario in scenarios]
    with scenario_lock(settings.home, "drill"), stop_on_signals() as stop:
        drill = Drill(RunContext(connect(settings), settings, console, stop), each)
        members.sort(key=lambda one: (one.scenario.last, one.scenario.order))
        waiting = frozenset(one.name for one in scenarios if warmup_remaining(settings, one))
        drill.run(group_members(members, waiting))
        results = drill.results
        failed = int(bool(broken) or any(one.bad for one in results))
        code = EXIT_CODES["stopped"] if stop.is_set() else failed
        seconds = time.time() - began
        report.write(path, {"exit_code": code, "seconds": round(seconds, 1), **_content(results, broken, options)})
        _print_results(results, broken, console)
        latencies = [(one.scenario, latency) for one in results if one.result for latency in one.result.latencies]
        if latencies:
            console.print(measured_times.latency_table(latencies))
        if table is not None:
            engine = settings.engine() or ""
            text = measured_times.markdown(latencies, quick=options.quick, engine=engine, at=began)
            measured_times.write(table, text)
        passed = sum(one.outcome == "passed" for one in results)
        print_line(console, f"{passed} of {len(results)} passed in {seconds:.0f} s. Report: {path}")
        return code


def _content(results: list[DrillResult], broken: list[Broken], options: Options) -> dict[str, Any]:
    return {
        "seed": options.seed,
        "quick": options.quick,
        "scenarios": [
            {
                "scenario": one.scenario,
                "outcome": one.outcome,
                "reason": one.reason or None,
                "seconds": round(one.seconds, 1),
                "expected": one.result.content["expected"] if one.result else [],
                "pages": one.result.content["pages"] if one.result else [],
                "report": str(one.result.path) if one.result else None,
            }
            for one in results
        ],
        "broken": [{"file": one.file, "line": one.line, "reason": one.reason} for one in broken],
    }


def _print_results(results: list[DrillResult], broken: list[Broken], console: Console) -> None:
    table = Table(title="Drill", title_justify="left", show_lines=True)
    for heading in ("scenario", "outcome", "effects", "alerts", "s"):
        table.add_column(heading, justify="right" if heading == "s" else "left", no_wrap=heading in {"outcome", "s"})
    for result in results:
        outcome = Text(result.outcome, _COLOURS.get(result.outcome, "yellow"))
        effects, alerts = _cells(result)
        table.add_row(result.scenario, outcome, effects, alerts, f"{result.seconds:.0f}" if result.seconds else "-")
    console.print(table)
    for one in broken:
        text = f"{one.file}:{one.line}: {one.reason}"
        console.print(text, style="red", highlight=False, soft_wrap=True, markup=False)


def _cells(result: DrillResult) -> tuple[str, str]:
    """Return the cells for effects and alerts; without a run the first one has the reason."""
    if result.result is None:
        return result.reason, ""
    checks = [f"{'✓' if check.ok else '✗'} {check.what}: {check.seen}" for check in result.result.checks]
    alerts = [text for text in checks if text[2:].startswith(("page ", "resolved ", "inhibited ", "any other page"))]
    effects = [text for text in checks if text not in alerts]
    if result.outcome == "aborted":
        effects.insert(0, result.reason)
    return "\n".join(effects), "\n".join(alerts)
