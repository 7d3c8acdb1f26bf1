"""`lab up`."""

import sys
import time

from lab.console import Console
from lab.engines.choice import Choice, choose
from lab.locks import lab_lock
from lab.progress import Board
from lab.settings import LabSettings, read_state
from lab.shell_variables import report_shell_variables

# What `lab up` prints next to the address of a service.
_PURPOSES = {
    "assistant": "the assistant: book an appointment by chat, and its metrics",
    "grafana": "dashboards",
    "pager": "incidents and runbooks",
    "prometheus": "metrics and alerts",
    "alertmanager": "alerts, silences and inhibition",
    "loadtest": "the load generator",
}


def up() -> None:
    """Start the lab and wait until it is ready."""
    settings = LabSettings.load()
    console = Console(highlight=False, soft_wrap=True)
    with lab_lock(settings, "up"):
        choice = choose(settings)
        console.print(f"Engine: [bold]{choice.engine.name}[/bold] ({choice.reason}).")
        report_shell_variables(settings, console)
        if running := read_state(settings.home):
            console.print(f"The lab already runs on the {running.engine} engine. Missing services are started.")
            if changed := [key for key, value in settings.values.items() if running.values.get(key) != value]:
                console.print(f"Changed since the start: {', '.join(changed)}. `lab restart` applies the changes.")
            settings = LabSettings.running()
            choice = Choice(choose(settings).engine, choice.reason)
        started = time.monotonic()
        try:
            with Board(console) as board:
                missing = choice.engine.up(board)
        except KeyboardInterrupt:
            console.print("Interrupted; started services were stopped.")
            sys.exit(130)
    console.print(f"[green]Ready[/green] in {time.monotonic() - started:.1f} s.")
    for name, text in _PURPOSES.items():
        if name not in missing:
            console.print(f"  {settings.url(name)}  {text}")
