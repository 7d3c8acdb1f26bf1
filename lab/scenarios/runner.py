"""Runs one scenario, from the question whether it may begin to its report."""

import time
from typing import Any

from rich.console import Console

from lab.errors import LabError
from lab.query import Endpoints, Lab, QueryError
from lab.scenarios import floor, prepare, report, screen
from lab.scenarios.alerts import Before
from lab.scenarios.lock import only_run
from lab.scenarios.session import Options, Session
from lab.scenarios.stopping import Stop, stop_on_signals
from lab.scenarios.timeline import Timeline
from lab.scenarios.verdict import judge
from lab.settings import LabSettings
from loadtest.scenario import Scenario

_EXIT_CODES = {"passed": 0, "failed": 1, "aborted": 1, "stopped": 130}


def execute(scenario: type[Scenario], options: Options, settings: LabSettings, console: Console) -> int:
    """Run a scenario and return the exit code: 0 everything as declared, 1 not, 130 stopped from outside.

    Raises:
        LabError: the lab does not run, another scenario does, or something else forbids to begin.
    """
    if settings.engine() is None:
        raise LabError("The lab does not run.", "Start it with `make up`.")
    with only_run(settings.home, scenario.name), stop_on_signals() as stop:
        lab = Lab(Endpoints.of(settings))
        plan = scenario.plan(options.seed, quick=options.quick, users=options.users)
        try:
            before = prepare.check(lab, scenario, plan, stop)
        except QueryError as error:
            raise LabError(str(error), "See `lab status`.") from error
        if stop.asked:
            return _EXIT_CODES["stopped"]
        return _run(lab, scenario, options, settings, console=console, before=before, stop=stop)


def _run(
    lab: Lab,
    scenario: type[Scenario],
    options: Options,
    settings: LabSettings,
    *,
    console: Console,
    before: Before,
    stop: Stop,
) -> int:
    timeline = Timeline(time.time())
    path = options.report or report.path_for(settings.home, scenario.name, timeline.started_at)
    session = Session(
        lab=lab,
        scenario=scenario,
        plan=scenario.plan(options.seed, quick=options.quick, users=options.users),
        options=options,
        settings=settings,
        before=before,
        screen=screen.Screen(console, f"{scenario.name}: {scenario.story}", timeline),
        timeline=timeline,
        stop=stop,
        log=path.with_suffix(".locust.log"),
    )
    session.run()
    rows = judge(scenario, timeline)
    ways = _ways(lab, scenario, timeline)
    if stop.asked:
        outcome = "stopped"
    elif session.aborted:
        outcome = "aborted"
    else:
        outcome = "passed" if all(row.ok for row in rows) else "failed"
    content: dict[str, Any] = {
        "scenario": scenario.name,
        "story": scenario.story,
        "outcome": outcome,
        "reason": session.aborted or None,
        "exit_code": _EXIT_CODES[outcome],
        "seed": options.seed,
        "quick": options.quick,
        "users": options.users,
        "engine": settings.engine(),
        "versions": {key: value for key, value in settings.values.items() if key.endswith("_VERSION")},
        "expected": [{"what": r.what, "expected": r.expected, "seen": r.seen, "ok": r.ok} for r in rows],
        "pages": [way.as_dict() for way in ways],
        "requests": session.users_saw,
    }
    report.write(path, content, timeline)
    if outcome != "stopped":
        screen.print_end(console, rows, ways)
    console.print(f"{scenario.name}: {outcome}. Report: {path}", highlight=False, soft_wrap=True)
    return _EXIT_CODES[outcome]


def _ways(lab: Lab, scenario: type[Scenario], timeline: Timeline) -> list[floor.Way]:
    ways = []
    for alert in scenario.must:
        try:
            way = floor.measure(lab, timeline, alert)
        except (QueryError, KeyError):  # a service to the reader: the verdict does not need it
            way = None
        if way is not None:
            ways.append(way)
    return ways
