"""Reports the variables of the shell that decide in the place of `.env`."""

import os

from lab.console import Console
from lab.settings import LabSettings


def report_shell_variables(settings: LabSettings, console: Console) -> None:
    """Print the names of the variables, never their values: one may be a URL with a password."""
    if settings.overridden:
        console.print(f"Set in the shell, which wins over .env: {', '.join(settings.overridden)}.")
    if "MODEL_API_KEY" in os.environ:
        console.print("MODEL_API_KEY of the shell is not used: `lab key` stores a key.")
