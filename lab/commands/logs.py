"""`lab logs`."""

from typing import Annotated

import typer

from lab.engines.choice import choose
from lab.settings import LabSettings


def logs(
    names: Annotated[list[str] | None, typer.Argument(help="Services; none means all.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines of each service.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines until Ctrl-C.")] = False,
) -> None:
    """Show the standard output of services."""
    choose(LabSettings.running()).engine.logs(names or [], lines, follow)
