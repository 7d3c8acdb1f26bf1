"""`lab clean`."""

from typing import Annotated

import typer

from lab.console import Console, confirm_deletion
from lab.engines.choice import choose
from lab.locks import lab_lock
from lab.progress import Board
from lab.settings import LabSettings, read_state


def clean(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the lab and delete its data."""
    settings = LabSettings.running()
    if not yes:
        question = f"Delete all data of the lab in {settings.home}?"
        confirm_deletion("lab clean", "This deletes all data of the lab.", question)
    with lab_lock(settings, "clean"):
        engine = choose(settings).engine
        with Board() as board:
            if read_state(settings.home):
                engine.down(board)
            engine.clean(board)
    Console().print("All data of the lab is deleted.")
