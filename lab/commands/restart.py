"""`lab restart`."""

from typing import Annotated

import typer

from lab.commands.check import require_valid_configuration
from lab.console import Console
from lab.engines.choice import choose
from lab.locks import lab_lock
from lab.progress import Board
from lab.settings import LabSettings
from lab.shell_variables import report_shell_variables


def restart(names: Annotated[list[str] | None, typer.Argument(help="Services; none means all.")] = None) -> None:
    """Restart services with the current configuration; refuses servers whose configuration is invalid."""
    settings = LabSettings.load()
    require_valid_configuration(names or [])
    report_shell_variables(settings, Console(highlight=False, soft_wrap=True))
    with lab_lock(settings, "restart"), Board() as board:
        choose(settings).engine.restart(names or [], board)
