"""Runs many scenarios with the runner of one: side by side where they are independent, else one after the other."""

import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.errors import LabError
from lab.query import Endpoints, Lab, QueryError
from lab.scenarios import report
from lab.scenarios.alerts import look_before
from lab.scenarios.groups import Member, grouped
from lab.scenarios.lock import only_run
from lab.scenarios.prepare import NotHereError
from lab.scenarios.runner import EXIT_CODES, Result, Run, may_begin, plan_of, require_lab
from lab.scenarios.session import Options
from lab.scenarios.stopping import Stop, stop_on_signals
from lab.settings import LabSettings
from loadtest.registry import Broken
from loadtest.scenario import Scenario

# What an earlier scenario set off must be resolved before the next one begins; budget alerts would take for ever.
_CALM_SECONDS = 150.0
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
    # Alerts that stood before the drill: nobody waits for their end.
    standing: frozenset[str] = frozenset()

    def run(self, groups: Iterable[list[Member]]) -> None:
        """Run the groups, one after the other; after Ctrl-C the rest is not run."""
        self.standing = self._alerts()
        for group in groups:
            if not self.stop.asked:
                self._calm_down()
            if self.stop.asked:
                self.lines += [Line(member.scenario.name, "not run") for member in group]
                continue
            self._run_group(group)

    def _run_group(self, group: list[Member]) -> None:
        began = time.monotonic()
        runs: list[tuple[Member, Run]] = []
        for member in group:
            try:
                before = may_begin(
                    self.lab, self.settings, member.scenario, member.plan, stop=self.stop, console=self.console
                )
            except NotHereError as error:
                self.lines.append(Line(member.scenario.name, "not here", error.message))
                continue
            except LabError as error:
                self.lines.append(Line(member.scenario.name, "refused", error.message))
                self.console.print(f"{member.scenario.name}: {error.message}", highlight=False, soft_wrap=True)
                continue
            prefix = member.scenario.name if len(group) > 1 else ""
            run = Run(
                self.lab,
                member.scenario,
                member.plan,
                self.options,
                self.settings,
                console=self.console,
                before=before,
                stop=self.stop,
                prefix=prefix,
            )
            runs.append((member, run))
        _side_by_side([run for _, run in runs])
        for member, run in runs:
            others = frozenset(name for other, _ in runs if other is not member for name in other.alerts)
            try:
                result = run.finish(others, brief=True)
            except Exception as error:  # its report stands; the others are still to come
                self.lines.append(Line(run.scenario.name, "aborted", f"{type(error).__name__}: {error}"))
                continue
            reason = "; ".join(f"{row.what}: {row.seen}" for row in result.rows if not row.ok)
            reason = str(result.content["reason"] or reason)
            self.lines.append(Line(result.scenario, result.outcome, reason, time.monotonic() - began, result))

    def _calm_down(self) -> None:
        deadline = time.monotonic() + _CALM_SECONDS
        told = False
        while (left := self._alerts() - self.standing) and time.monotonic() < deadline and not self.stop.asked:
            if not told:
                self.console.print(f"Waiting until {', '.join(sorted(left))} is resolved.", highlight=False)
                told = True
            self.stop.wait(1.0)

    def _alerts(self) -> frozenset[str]:
        try:
            open_ = {one.alert for one in self.lab.pager.incidents() if one.status != "resolved"}
            return frozenset(open_ | {alert.name for alert in look_before(self.lab).alerts})
        except QueryError:  # the next scenario says so, in its own words
            return frozenset()


def execute(
    scenarios: list[type[Scenario]],
    broken: list[Broken],
    options: Options,
    settings: LabSettings,
    console: Console,
) -> int:
    """Run the scenarios and return the exit code: 0 all passed, 1 not, 130 stopped from outside.

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
        drill.run(grouped(members))
        lines = drill.lines
        failed = int(bool(broken) or any(line.bad for line in lines))
        code = EXIT_CODES["stopped"] if stop.asked else failed
        seconds = time.time() - began
        _write(path, _document(lines, broken, options, code, seconds))
        _print(lines, broken, console)
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
                "report": str(line.result.path) if line.result else None,
            }
            for line in lines
        ],
        "broken": [{"file": one.file, "line": one.line, "reason": one.reason} for one in broken],
    }


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
    of_alerts = [text for text in told if text[2:].startswith(("page ", "resolved ", "any other page"))]
    rest = [text for text in told if text not in of_alerts]
    if line.outcome == "aborted":
        rest.insert(0, line.reason)
    return "\n".join(rest), "\n".join(of_alerts)
