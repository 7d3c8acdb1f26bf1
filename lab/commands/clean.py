"""`lab clean`."""

import sys
from typing import Annotated

import typer
from rich.prompt import Confirm

from lab.console import Console
from lab.engines.choice import choose
from lab.errors import LabError
from lab.locks import lab_lock
from lab.progress import Board
from lab.settings import LabSettings, read_state


def clean(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the lab and delete its data."""
    settings = LabSettings.running()
    if not yes:
        if not sys.stdin.isatty():
            raise LabError("This deletes all data of the lab.", "To confirm: `lab clean --yes`.", 2)
        if not Confirm.ask(f"Delete all data of the lab in {settings.home}?", default=False):
            raise LabError("Nothing was deleted.")
    with lab_lock(settings, "clean"):
        engine = choose(settings).engine
        with Board() as board:
            if read_state(settings.home):
                engine.down(board)
            engine.clean(board)
    Console().print("All data of the lab is deleted.")
