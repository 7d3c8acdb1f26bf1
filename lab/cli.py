"""The `lab` command: its sub-commands, with their functions in `lab.commands`."""

import sys

import typer

from lab.commands import exercise, fault, programs, scenario
from lab.commands.check import check
from lab.commands.clean import clean
from lab.commands.doctor import doctor
from lab.commands.down import down
from lab.commands.drill import drill
from lab.commands.key import key
from lab.commands.logs import logs
from lab.commands.reload import reload
from lab.commands.restart import restart
from lab.commands.status import status
from lab.commands.trace import trace
from lab.commands.up import up
from lab.console import Console
from lab.engines.compose import adopt
from lab.errors import LabError
from lab.query import QueryError
from lab.settings import LabSettings, home_folder, read_state

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An observability lab for AI services: start it, break it, find the cause.",
)
for command in (up, down, restart, status, doctor, logs, trace, clean, check, reload, key, drill):
    app.command()(command)
for module in (scenario, fault, exercise, programs):
    app.add_typer(module.app, name=module.__name__.rpartition(".")[2])


def main() -> None:
    """Run the command; print an expected error without a stack trace."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app(standalone_mode=True)
    except LabError as error:
        errors.print(f"[red]✗[/red] {error.message}", markup=True)
        if error.remedy:
            errors.print(f"  {error.remedy}", markup=False)
        sys.exit(error.exit_code)
    except QueryError as error:
        errors.print(f"✗ {error}", markup=False)
        errors.print("  `lab status` shows which servers run.", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("Interrupted.")
        sys.exit(130)


@app.callback()
def adopt_running_lab(context: typer.Context) -> None:
    """Adopt a lab that plain `docker compose up` has started, so that every command finds it."""
    if context.invoked_subcommand not in {"up", "programs"} and read_state(home_folder()) is None:
        settings = LabSettings.load()
        if settings.values.get("LAB_ENGINE") != "native":
            adopt(settings)
