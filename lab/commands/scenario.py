"""`lab scenario`: list, show, run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lab.console import Console
from lab.errors import LabError
from lab.scenarios.run.context import Options
from lab.scenarios.run.runner import execute
from lab.settings import LabSettings
from loadtest.scenarios import registry
from loadtest.scenarios.declaration import ENGINE, Fault, Scenario

app = typer.Typer(
    help="List, show and run scenarios: named faults and load, with their expected effects and alerts.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="A scenario's name, see `lab scenario list`.")]
Quick = Annotated[bool, typer.Option("--quick", help="End each fault as soon as its alerts have come.")]
Report = Annotated[Path | None, typer.Option(help="Where the JSON report goes.")]


@app.command("list")
def list_() -> None:
    """List the scenarios."""
    found, broken = registry.find()
    table = Table(box=None)
    for heading in ("name", "story", "must page"):
        table.add_column(heading)
    for scenario in found.values():
        table.add_row(
            scenario.name,
            scenario.summary,
            ", ".join((*scenario.expected_alerts, *scenario.expected_without_resolve)) or "-",
        )
    Console().print(table)
    for one in broken:
        typer.echo(f"{one.file}:{one.line}: {one.reason}", err=True)
    if broken:
        raise typer.Exit(1)


@app.command()
def show(name: Name) -> None:
    """Show what a scenario does and what must come of it."""
    scenario = find_scenario(name)
    plan = scenario.plan(seed=1)
    table = Table(box=None, show_header=False)
    table.add_row("story", scenario.summary)
    table.add_row("users", _users(scenario))
    for fault in scenario.faults:
        table.add_row("fault", _fault(fault))
    for draw in scenario.fault_pool:
        table.add_row(f"{scenario.min_faults} to {scenario.max_faults} of", _fault(draw.fault))
    for effect in scenario.effects:
        table.add_row("effect", f"{effect.text}, within {effect.within:g} s: {effect.query}")
    for absence in scenario.absences:
        table.add_row("never", f"{absence.text}: {absence.query}")
    expected = plan.expected
    for alert in expected.expected_alerts:
        table.add_row("must page", f"{alert}, within {expected.limit(alert):g} s, and resolve")
    for alert in expected.expected_without_resolve:
        table.add_row("must page", f"{alert}, within {expected.limit(alert):g} s; its end is not awaited")
    for alert in expected.inhibited_alerts:
        table.add_row("inhibited", f"{alert}: fires within {expected.limit(alert):g} s, inhibited")
    table.add_row("may page", ", ".join(scenario.allowed_alerts) or "-")
    table.add_row("must not", ", ".join("any other" if one == "*" else one for one in scenario.forbidden_alerts) or "-")
    table.add_row("needs", ", ".join(scenario.needs))
    if scenario.min_uptime_seconds:
        table.add_row("uptime", f"{scenario.min_uptime_seconds:g} s and more")
    table.add_row("lasts", f"{plan.duration:g} s and more, {scenario.quick_duration:g} s and more with --quick")
    Console().print(table)


@app.command()
def run(
    name: Name,
    *,
    seed: Annotated[int, typer.Option(help="The same seed gives the same plan.")] = 1,
    quick: Quick = False,
    users: Annotated[
        int | None, typer.Option(min=0, max=1000, help="Peak number of users in addition to the baseline ones.")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=5, max=86400, help="Seconds that it lasts at least; longer faults are cut.")
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Hide the faults until the report.")] = False,
    report: Report = None,
) -> None:
    """Run a scenario and say whether what it declares has come.

    Exit code: 0 everything as declared, 1 not, 2 wrong input, 130 stopped by Ctrl-C.
    """
    scenario = find_scenario(name)
    settings = LabSettings.running()
    options = Options(seed, quick, users, duration, blind, report)
    raise typer.Exit(execute(scenario, options, settings, Console()))


def find_scenario(name: str) -> type[Scenario]:
    """Return the scenario of that name.

    Raises:
        LabError: there is none; the message names the nearest one.
    """
    try:
        return registry.get(name)
    except registry.UnknownScenarioError as error:
        hint = f"Did you mean `{error.nearest}`? " if error.nearest else ""
        raise LabError(str(error), f"{hint}`lab scenario list` shows them all.", 2) from error


def _fault(fault: Fault) -> str:
    at = f"between {fault.at[0]:g} and {fault.at[1]:g}" if isinstance(fault.at, tuple) else f"{fault.at:g}"
    when = f"from second {at} for {fault.duration:g} s"
    if fault.service == ENGINE:
        return f"{fault.target} is stopped, {when}"
    where = "" if fault.target == "*" else f" at {fault.target}"
    details = "".join(f", {key} {value}" for key, value in fault.parameters.items())
    return f"{fault.service} {fault.name}{where}, intensity {fault.intensity:g}{details}: {when}"


def _users(scenario: type[Scenario]) -> str:
    if not scenario.users:
        return "the baseline ones"
    peak = max(stage.users for stage in scenario.shape)
    return f"the baseline ones, and up to {peak}: {', '.join(scenario.users)}"
