"""`lab down`."""

from lab.console import Console
from lab.engines.choice import choose
from lab.locks import lab_lock
from lab.progress import Board
from lab.settings import LabSettings


def down() -> None:
    """Stop the lab and keep its data."""
    settings = LabSettings.running()
    console = Console()
    with lab_lock(settings, "down"), Board(console) as board:
        choose(settings).engine.down(board)
    console.print("Stopped. `make clean` deletes the data.")
