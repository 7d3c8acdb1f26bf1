"""Output and questions of the lab command on the terminal."""

import sys
from typing import Any

import rich.console
from rich.prompt import Confirm

from lab.errors import LabError


class Console(rich.console.Console):
    """Rich's console without emoji: `job:b:rate5m` is the name of a rule."""

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)


def confirm_deletion(command: str, warning: str, question: str) -> None:
    """Return if the user confirms a deletion.

    Args:
        command: that asks; its option --yes confirms without a terminal.
        warning: what will be deleted.
        question: shown on a terminal.

    Raises:
        LabError: the user declines, or there is no terminal.
    """
    if not sys.stdin.isatty():
        raise LabError(warning, f"To confirm: `{command} --yes`.", 2)
    if not Confirm.ask(question, default=False):
        raise LabError("Nothing was deleted.")
