"""`lab drill`."""

from pathlib import Path
from typing import Annotated

import typer

from lab.commands.scenario import Quick, Report, find_scenario
from lab.console import Console
from lab.errors import LabError
from lab.scenarios.drill.drill import execute
from lab.scenarios.run.context import Options
from lab.settings import LabSettings
from loadtest.scenarios import registry


def drill(
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios, see `lab scenario list`.")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    quick: Quick = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same plans.")] = 1,
    report: Report = None,
    table: Annotated[
        Path | None, typer.Option(help="Markdown file that takes the measured times of the alerts.")
    ] = None,
) -> None:
    """Run many scenarios, and say of each whether what it declares has come.

    Exit code: 0 everything as declared, 1 not, 2 wrong input, 130 stopped by Ctrl-C.
    """
    if bool(names) == all_:
        raise LabError("Which scenarios?", "Name some, or say `lab drill --all`.", 2)
    broken: list[registry.Broken] = []
    if all_:
        found, broken = registry.find()
        chosen = list(found.values())
    else:
        chosen = [find_scenario(name) for name in dict.fromkeys(names or [])]
    options = Options(seed, quick, report=report)
    raise typer.Exit(execute(chosen, broken, options, LabSettings.running(), Console(), table=table))
