"""The context of a run: the lab, and the scenario with its options."""

import threading
from dataclasses import dataclass
from pathlib import Path

from lab.console import Console
from lab.query import Lab
from lab.scenarios.observe.alert_observer import Baseline
from lab.scenarios.screen import print_line
from lab.settings import LabSettings
from loadtest.scenarios.declaration import Plan, Scenario


@dataclass(frozen=True)
class Options:
    """The options of the command line.

    `users` is the peak number of users in addition to the baseline, `duration` the minimum duration in seconds; both
    are None for the scenario's own. A `blind` run hides its faults until the report.
    """

    seed: int = 1
    quick: bool = False
    users: int | None = None
    duration: float | None = None
    blind: bool = False
    report: Path | None = None


@dataclass(frozen=True)
class RunContext:
    """The running lab, its settings, the terminal and the event of a stop signal."""

    lab: Lab
    settings: LabSettings
    console: Console
    stop: threading.Event

    def say(self, text: str) -> None:
        """Print a line on the terminal as it is."""
        print_line(self.console, text)


@dataclass(frozen=True)
class RunSpec:
    """One run of a scenario: its plan, options, and the baseline of the preflight.

    Without `wait_for_resolution` the run ends before its alerts resolve. `concurrent_alerts` are those of scenarios
    that run at the same time; `prefix` names the scenario in each line of the screen.
    """

    scenario: type[Scenario]
    plan: Plan
    options: Options
    baseline: Baseline
    wait_for_resolution: bool = True
    concurrent_alerts: frozenset[str] = frozenset()
    prefix: str = ""

    @property
    def hidden(self) -> bool:
        """Return whether the faults are hidden until the report."""
        return self.scenario.hidden or self.options.blind
