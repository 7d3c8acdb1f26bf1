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
from lab.errors import LabError
from lab.query import Endpoints, Lab
from lab.scenarios import floor, measured, report
from lab.scenarios.aftermath import Aftermath, Ended
from lab.scenarios.alerts import Before
from lab.scenarios.groups import Member, beside, grouped, would_spoil
from lab.scenarios.lock import only_run
from lab.scenarios.prepare import NotHereError, too_young
from lab.scenarios.runner import EXIT_CODES, Result, Run, may_begin, plan_of, require_lab
from lab.scenarios.schedule import Schedule
from lab.scenarios.session import Options
from lab.scenarios.stopping import Stop, stop_on_signals
from lab.settings import LabSettings
from loadtest.registry import Broken
from loadtest.scenario import Scenario

# So long a drill waits until one of the scenarios that are left may begin; then the first one says what is in its way.
_CALM_SECONDS = 330.0
# So long after a scenario an alert that it declares may still come, and is none of the next one's.
_ECHO_SECONDS = 180.0
_COLOURS = {"passed": "green", "failed": "red", "aborted": "red", "refused": "red", "not here": "yellow"}


@dataclass
class Line:
    """What came of one scenario: passed, failed, aborted, stopped, refused (it might not begin), not here, not run."""

    scenario: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0
    result: Result | None = None

    @property
    def bad(self) -> bool:
        """Tell whether the drill fails for it. What cannot be had on this machine is told, and is no failure."""
        return self.outcome not in {"passed", "not here"}


@dataclass
class Drill:
    """The scenarios of one drill and what came of them."""

    lab: Lab
    settings: LabSettings
    options: Options
    console: Console
    stop: Stop
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._schedule = Schedule(self.lab, self.settings)
        self._aftermath = Aftermath(self._say)
        # What the runs so far may set off, and until when (Unix time).
        self._echoes: list[tuple[frozenset[str], float]] = []

    def run(self, groups: Iterable[list[Member]]) -> None:
        """Run the groups, each as soon as nothing stands in its way; after Ctrl-C the rest is not run."""
        left = list(groups)
        now = self._schedule.look()
        self._schedule.standing = now.standing if now else frozenset()
        with self._aftermath:
            while left and (group := self._next(left)):
                left.remove(group)
                self._run_group(group)
            while self._aftermath.awaited() and not self.stop.wait(1.0):
                self._settle()
            self._settle(all_=True)
        self.lines += [Line(member.scenario.name, "not run") for group in left for member in group]

    def _next(self, left: list[list[Member]]) -> list[Member] | None:
        """Wait until one of the groups may begin and return it, None when somebody asked to stop."""
        deadline = time.monotonic() + _CALM_SECONDS
        told = False
        while not self.stop.asked:
            self._settle()
            now, awaited = self._schedule.look(), self._aftermath.awaited()
            in_the_way = []
            for place, group in enumerate(left):
                if would_spoil(group, left[:place]) or (
                    any(member.scenario.last for member in group) and (awaited or group is not left[0])
                ):
                    continue
                found = (self._schedule.hindrance(member, now, awaited) for member in group)
                hindrance = next((one for one in found if one), None)
                if hindrance is None:
                    return group
                in_the_way.append((group, hindrance))
            late = time.monotonic() > deadline
            for group, hindrance in in_the_way:
                if hindrance.slight or (late and not hindrance.passes):
                    return group
            if in_the_way and not told:
                self._say(f"Waiting: {in_the_way[0][1].why}.")
                told = True
            self.stop.wait(1.0)
        return None

    def _run_group(self, group: list[Member]) -> None:
        began = time.monotonic()
        runs: list[tuple[Member, Run, frozenset[str]]] = []
        for member in group:
            line = Line(member.scenario.name, "stopped")
            self.lines.append(line)
            try:
                before = may_begin(
                    self.lab, self.settings, member.scenario, member.plan, stop=self.stop, console=self.console
                )
            except NotHereError as error:
                line.outcome, line.reason = "not here", error.message
                continue
            except LabError as error:
                line.outcome, line.reason = "refused", error.message
                self._say(f"{member.scenario.name}: {error.message}")
                continue
            run = Run(
                self.lab,
                member.scenario,
                member.plan,
                self.options,
                self.settings,
                console=self.console,
                before=before,
                stop=self.stop,
                prefix=member.scenario.name if len(group) > 1 else "",
                lingers=False,
                beside=frozenset().union(*beside(group, member)),
            )
            runs.append((member, run, self._others(group, member, before)))
        _side_by_side([run for _, run, _ in runs])
        for member, run, others in runs:
            self._aftermath.add(Ended(run, others, time.monotonic() - began))
            self._echoes.append((member.alerts, time.time() + _ECHO_SECONDS))
            if member.plan.expected.lasting:
                self._echoes.append((frozenset(member.plan.expected.lasting), float("inf")))
        self._settle()

    def _others(self, group: list[Member], member: Member, before: Before) -> frozenset[str]:
        """Return the alerts that may come during a scenario without being of its making."""
        now = time.time()
        echoes = [names for names, until in self._echoes if now < until]
        return frozenset(before.standing.union(*echoes, *beside(group, member)))

    def _settle(self, *, all_: bool = False) -> None:
        """Judge the runs of which nothing is awaited any more."""
        for ended in self._aftermath.settled(all_=all_):
            name = ended.run.scenario.name
            line = next(line for line in self.lines if line.scenario == name)
            line.seconds = ended.seconds
            try:
                result = ended.run.finish(ended.others, brief=True)
            except Exception as error:  # its report stands; the others are still to come
                line.outcome, line.reason = "aborted", f"{type(error).__name__}: {error}"
                continue
            reason = "; ".join(f"{row.what}: {row.seen}" for row in result.rows if not row.ok)
            line.outcome, line.result = result.outcome, result
            line.reason = str(result.content["reason"] or reason)

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)


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
    with only_run(settings.home, "drill"), stop_on_signals() as stop:
        drill = Drill(Lab(Endpoints.of(settings)), settings, each, console, stop)
        members.sort(key=lambda one: (one.scenario.last, one.scenario.turn))
        young = frozenset(one.name for one in scenarios if too_young(settings, one))
        drill.run(grouped(members, young))
        lines = drill.lines
        failed = int(bool(broken) or any(line.bad for line in lines))
        code = EXIT_CODES["stopped"] if stop.asked else failed
        seconds = time.time() - began
        _write(path, _document(lines, broken, options, code, seconds))
        _print(lines, broken, console)
        if ways := _ways(lines):
            console.print(measured.table(ways))
        if table is not None:
            engine = settings.engine() or ""
            measured.write(table, measured.markdown(ways, quick=options.quick, engine=engine, at=began))
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


def _document(lines: list[Line], broken: list[Broken], options: Options, code: int, seconds: float) -> dict[str, Any]:
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


def _ways(lines: list[Line]) -> list[tuple[str, floor.Way]]:
    """Return the way of each alert that a scenario was there to set off."""
    return [(line.scenario, way) for line in lines if line.result for way in line.result.ways]


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)


def _print(lines: list[Line], broken: list[Broken], console: Console) -> None:
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


def _seen(line: Line) -> tuple[str, str]:
    """Return the cells for effects and alerts; where nothing ran, the reason stands in the first."""
    if line.result is None:
        return line.reason, ""
    told = [f"{'✓' if row.ok else '✗'} {row.what}: {row.seen}" for row in line.result.rows]
    of_alerts = [text for text in told if text[2:].startswith(("page ", "resolved ", "held back ", "any other page"))]
    rest = [text for text in told if text not in of_alerts]
    if line.outcome == "aborted":
        rest.insert(0, line.reason)
    return "\n".join(rest), "\n".join(of_alerts)
