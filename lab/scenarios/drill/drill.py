"""Runs many scenarios with the runner of one: side by side where they are independent, else one after the other.

It does not wait for the end of their alerts before it goes on: that is watched meanwhile, and judged when it came.
"""

import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from lab.console import Console
from lab.engines.choice import connect
from lab.errors import LabError
from lab.scenarios.drill.groups import Member, concurrent_alerts, conflicts_with_earlier, grouped
from lab.scenarios.drill.scheduler import Schedule
from lab.scenarios.judge import alert_latency, measured_times, report
from lab.scenarios.observe.alert_observer import Baseline
from lab.scenarios.observe.resolution_watcher import FinishedRun, ResolutionWatcher
from lab.scenarios.run.context import Options, RunContext, RunSpec
from lab.scenarios.run.preflight import SkippedError, warmup_remaining
from lab.scenarios.run.runner import EXIT_CODES, Result, Run, plan_of, require_lab, run_preflight
from lab.scenarios.run.scenario_lock import scenario_lock
from lab.scenarios.run.stop_signals import stop_on_signals
from lab.settings import LabSettings
from loadtest.scenarios.declaration import Scenario
from loadtest.scenarios.registry import Broken

# So long a drill waits until a scenario may start; then the preflight of the first one reports what blocks it.
_MAX_WAIT_SECONDS = 330.0
# So long after a scenario its alerts may still fire; they are not those of the next one.
_ALERT_GRACE_SECONDS = 180.0
_COLOURS = {"passed": "green", "failed": "red", "aborted": "red", "refused": "red", "skipped": "yellow"}


@dataclass
class DrillResult:
    """What came of one scenario: passed, failed, aborted, stopped, refused (it might not begin), not here, not run."""

    scenario: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0
    result: Result | None = None

    @property
    def bad(self) -> bool:
        """Return whether the drill fails for it. A skipped scenario is no failure."""
        return self.outcome not in {"passed", "skipped"}


@dataclass
class Drill:
    """The scenarios of one drill and their results."""

    context: RunContext
    options: Options
    lines: list[DrillResult] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._schedule = Schedule(self.context.lab, self.context.settings)
        self._resolutions = ResolutionWatcher(self._say)
        # Alerts of earlier runs that may still fire, and until when (Unix time).
        self._residual_alerts: list[tuple[frozenset[str], float]] = []

    def run(self, groups: Iterable[list[Member]]) -> None:
        """Run the groups, each as soon as nothing blocks it; after Ctrl-C the rest is not run."""
        left = list(groups)
        now = self._schedule.look()
        self._schedule.active_alerts = now.active_alerts if now else frozenset()
        with self._resolutions:
            while left and (group := self._next(left)):
                left.remove(group)
                self._run_group(group)
            while self._resolutions.pending_resolutions() and not self.context.stop.wait(1.0):
                self._settle()
            self._settle(all_=True)
        self.lines += [DrillResult(member.scenario.name, "not run") for group in left for member in group]

    def _next(self, left: list[list[Member]]) -> list[Member] | None:
        """Wait until one of the groups may start and return it, None after a stop signal."""
        deadline = time.monotonic() + _MAX_WAIT_SECONDS
        reported = False
        while not self.context.stop.asked:
            self._settle()
            now, awaited = self._schedule.look(), self._resolutions.pending_resolutions()
            in_the_way = []
            for place, group in enumerate(left):
                if conflicts_with_earlier(group, left[:place]) or (
                    any(member.scenario.last for member in group) and (awaited or group is not left[0])
                ):
                    continue
                found = (self._schedule.blocked_by(member, now, awaited) for member in group)
                blocked_by = next((one for one in found if one), None)
                if blocked_by is None:
                    return group
                in_the_way.append((group, blocked_by))
            late = time.monotonic() > deadline
            for group, blocked_by in in_the_way:
                if blocked_by.soft or (late and not blocked_by.transient):
                    return group
            if in_the_way and not reported:
                self._say(f"Waiting: {in_the_way[0][1].why}.")
                reported = True
            self.context.stop.wait(1.0)
        return None

    def _run_group(self, group: list[Member]) -> None:
        began = time.monotonic()
        runs: list[tuple[Member, Run, frozenset[str]]] = []
        for member in group:
            line = DrillResult(member.scenario.name, "stopped")
            self.lines.append(line)
            try:
                baseline = run_preflight(self.context, member.scenario, member.plan)
            except SkippedError as error:
                line.outcome, line.reason = "skipped", error.message
                continue
            except LabError as error:
                line.outcome, line.reason = "refused", error.message
                self._say(f"{member.scenario.name}: {error.message}")
                continue
            spec = RunSpec(
                member.scenario,
                member.plan,
                self.options,
                baseline,
                wait_for_resolution=False,
                concurrent_alerts=frozenset().union(*concurrent_alerts(group, member)),
                prefix=member.scenario.name if len(group) > 1 else "",
            )
            run = Run(self.context, spec)
            runs.append((member, run, self._others(group, member, baseline)))
        _side_by_side([run for _, run, _ in runs])
        for member, run, others in runs:
            self._resolutions.add(FinishedRun(run, others, time.monotonic() - began))
            self._residual_alerts.append((member.alerts, time.time() + _ALERT_GRACE_SECONDS))
            if member.plan.expected.expected_without_resolve:
                self._residual_alerts.append((frozenset(member.plan.expected.expected_without_resolve), float("inf")))
        self._settle()

    def _others(self, group: list[Member], member: Member, baseline: Baseline) -> frozenset[str]:
        """Return the alerts that may fire during a scenario without being its own."""
        now = time.time()
        residual = [names for names, until in self._residual_alerts if now < until]
        return frozenset(baseline.active_alerts.union(*residual, *concurrent_alerts(group, member)))

    def _settle(self, *, all_: bool = False) -> None:
        """Judge the runs whose alerts have resolved."""
        for ended in self._resolutions.pop_resolved(all_=all_):
            name = ended.run.scenario.name
            line = next(line for line in self.lines if line.scenario == name)
            line.seconds = ended.seconds
            try:
                result = ended.run.finish(ended.others, brief=True)
            except Exception as error:  # its report is written; the others follow
                line.outcome, line.reason = "aborted", f"{type(error).__name__}: {error}"
                continue
            reason = "; ".join(f"{row.what}: {row.seen}" for row in result.checks if not row.ok)
            line.outcome, line.result = result.outcome, result
            line.reason = str(result.content["reason"] or reason)

    def _say(self, text: str) -> None:
        self.context.console.print(text, highlight=False, soft_wrap=True, markup=False)


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

    The measured times of their alerts are written to `table` as Markdown.

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
        young = frozenset(one.name for one in scenarios if warmup_remaining(settings, one))
        drill.run(grouped(members, young))
        lines = drill.lines
        failed = int(bool(broken) or any(line.bad for line in lines))
        code = EXIT_CODES["stopped"] if stop.asked else failed
        seconds = time.time() - began
        _write(path, _document(lines, broken, options, code, seconds))
        _print(lines, broken, console)
        if latencies := _latencies(lines):
            console.print(measured_times.table(latencies))
        if table is not None:
            engine = settings.engine() or ""
            measured_times.write(
                table, measured_times.markdown(latencies, quick=options.quick, engine=engine, at=began)
            )
        passed = sum(line.outcome == "passed" for line in lines)
        console.print(
            f"{passed} of {len(lines)} passed in {seconds:.0f} s. Report: {path}", highlight=False, soft_wrap=True
        )
        return code


def _side_by_side(runs: list[Run]) -> None:
    if len(runs) == 1:
        runs[0].go()
        return
    threads = [threading.Thread(target=run.go, name=run.scenario.name) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _document(
    lines: list[DrillResult], broken: list[Broken], options: Options, code: int, seconds: float
) -> dict[str, Any]:
    return {
        "exit_code": code,
        "seconds": round(seconds, 1),
        "seed": options.seed,
        "quick": options.quick,
        "scenarios": [
            {
                "scenario": line.scenario,
                "outcome": line.outcome,
                "reason": line.reason or None,
                "seconds": round(line.seconds, 1),
                "expected": line.result.content["expected"] if line.result else [],
                "pages": line.result.content["pages"] if line.result else [],
                "report": str(line.result.path) if line.result else None,
            }
            for line in lines
        ],
        "broken": [{"file": one.file, "line": one.line, "reason": one.reason} for one in broken],
    }


def _latencies(lines: list[DrillResult]) -> list[tuple[str, alert_latency.AlertLatency]]:
    """Return the latency of each alert that a scenario was there to set off."""
    return [(line.scenario, latency) for line in lines if line.result for latency in line.result.latencies]


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)


def _print(lines: list[DrillResult], broken: list[Broken], console: Console) -> None:
    table = Table(title="Drill", title_justify="left", show_lines=True)
    for heading in ("scenario", "outcome", "effects", "alerts", "s"):
        table.add_column(heading, justify="right" if heading == "s" else "left", no_wrap=heading in {"outcome", "s"})
    for line in lines:
        outcome = Text(line.outcome, _COLOURS.get(line.outcome, "yellow"))
        effects, alerts = _seen(line)
        table.add_row(line.scenario, outcome, effects, alerts, f"{line.seconds:.0f}" if line.seconds else "-")
    console.print(table)
    for one in broken:
        text = f"{one.file}:{one.line}: {one.reason}"
        console.print(text, style="red", highlight=False, soft_wrap=True, markup=False)


def _seen(line: DrillResult) -> tuple[str, str]:
    """Return the cells for effects and alerts; without a run the first has the reason."""
    if line.result is None:
        return line.reason, ""
    checks = [f"{'✓' if row.ok else '✗'} {row.what}: {row.seen}" for row in line.result.checks]
    of_alerts = [text for text in checks if text[2:].startswith(("page ", "resolved ", "inhibited ", "any other page"))]
    rest = [text for text in checks if text not in of_alerts]
    if line.outcome == "aborted":
        rest.insert(0, line.reason)
    return "\n".join(rest), "\n".join(of_alerts)
