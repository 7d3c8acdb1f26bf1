"""The `lab` command: what the Makefile's names stand for."""

import os
import sys
import time
from typing import Annotated

import typer
from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from lab import doctor as doctor_module
from lab.checks.cli import check_files, refuse_broken, reload
from lab.console import Console
from lab.engines import Choice, ServiceStatus, choose
from lab.engines.compose import adopt
from lab.errors import LabError
from lab.exercises.cli import app as exercise_app
from lab.faults_cli import app as fault_app
from lab.key_cli import key
from lab.lock import alone
from lab.programs_cli import app as programs_app
from lab.progress import Board
from lab.query import Endpoints, Lab, QueryError, clean_trace_id, wait_for
from lab.scenarios.cli import app as scenario_app
from lab.scenarios.cli import drill
from lab.settings import LabSettings, home_folder, read_state
from lab.trace_view import show as show_trace

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An observability lab for AI services: start it, break it, find the cause.",
)
app.add_typer(scenario_app, name="scenario")
app.add_typer(fault_app, name="fault")
app.command("drill")(drill)
app.command("check")(check_files)
app.command("reload")(reload)
app.command("key")(key)
app.add_typer(exercise_app, name="exercise")
app.add_typer(programs_app, name="programs")

Names = Annotated[list[str] | None, typer.Argument(help="Services; none means all.")]


def main() -> None:
    """Run the command; a known failure is told in its own words, without a stack trace."""
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
        errors.print("  `lab status` tells which servers run.", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("Interrupted.")
        sys.exit(130)


@app.callback()
def before(context: typer.Context) -> None:
    """Take over a lab that plain `docker compose up` has started, so that every command knows it."""
    if context.invoked_subcommand not in {"up", "programs"} and read_state(home_folder()) is None:
        settings = LabSettings.load()
        if settings.values.get("LAB_ENGINE") != "native":
            adopt(settings)


@app.command()
def up() -> None:
    """Start the lab and wait until it is ready."""
    settings = LabSettings.load()
    console = Console()
    with alone(settings, "up"):
        choice = _choose(settings, console)
        if "MODEL_API_KEY" in os.environ:
            console.print("MODEL_API_KEY of the shell is not used: `lab key` stores a key.", soft_wrap=True)
        was_running = read_state(settings.home)
        if was_running:
            console.print(f"The lab is already running on the {was_running.engine} engine; starting what does not run.")
            _say_changed(settings, was_running.values, console)
            settings = LabSettings.running()
            choice = Choice(choose(settings).engine, choice.reason)
        started = time.monotonic()
        try:
            with Board(console) as board:
                missing = choice.engine.up(board)
        except KeyboardInterrupt:
            console.print("Interrupted: what this start began was stopped again. `make up` starts anew.")
            sys.exit(130)
    console.print(f"[green]Ready[/green] in {time.monotonic() - started:.1f} s.", highlight=False)
    _show_addresses(settings, missing, console)


@app.command()
def down() -> None:
    """Stop the lab; its data stays."""
    settings = LabSettings.running()
    console = Console()
    with alone(settings, "down"), Board(console) as board:
        choose(settings).engine.down(board)
    console.print("Stopped. The data is kept; `make clean` deletes it.")


@app.command()
def restart(names: Names = None) -> None:
    """Stop and start services, with the settings and files of now; no server whose files are broken."""
    settings = LabSettings.load()
    refuse_broken(names or [])
    with alone(settings, "restart"), Board() as board:
        choose(settings).engine.restart(names or [], board)


@app.command()
def status() -> None:
    """Show which services run, from where, at which version."""
    settings = LabSettings.running()
    choice = choose(settings)
    rows = choice.engine.status()
    table = Table(box=None, pad_edge=False)
    for header in ("Service", "State", "Version", "From", "Memory", "Up", "Address"):
        # On a narrow terminal only the long names of images are folded.
        table.add_column(header, no_wrap=header != "From", overflow="fold")
    cells = [(row.name, _coloured(row.state), row.version, *_rest(row)) for row in rows]
    for column, texts in zip(table.columns, zip(*cells, strict=True), strict=True):
        if column.header != "From":
            column.min_width = max(Text.from_markup(text).cell_len for text in texts)
    for line in cells:
        table.add_row(*line)
    console = Console()
    console.print(f"Engine: {choice.engine.name}. State folder: {settings.home}", highlight=False, soft_wrap=True)
    console.print(table)
    for row in rows:
        if row.state == "missing":
            console.print(f"- {row.source}", highlight=False, soft_wrap=True)
    if not any(row.state == "running" for row in rows):
        raise LabError("The lab does not run.", "Start it with `make up`.")
    if any(row.state in {"failed", "stopped"} for row in rows):
        raise LabError("Some services do not run.", "`lab logs NAME` shows why; `make up` starts them again.")


@app.command()
def doctor() -> None:
    """Send one marked request, find it in every signal, and name what is broken."""
    settings = LabSettings.running()
    console = Console()
    state = read_state(settings.home)
    missing = state.missing if state else {}
    findings = doctor_module.machine(settings)
    if all(finding.ok for finding in findings):
        engine = choose(settings).engine
        if state:
            known = Lab(Endpoints.of(settings))
            findings += doctor_module.examine(known, engine.status(), tuple(missing), engine.troubles())
        else:
            findings += doctor_module.causes(engine.troubles())
    doctor_module.show(findings, console)
    for name, reason in missing.items():
        console.print(f"- {name} does not run here: {reason}", highlight=False, soft_wrap=True)
    broken = [finding.name for finding in findings if not finding.ok]
    if broken:
        raise LabError(f"Broken: {', '.join(broken)}.", "The last column says what to do.")
    if state is None:
        raise LabError("The lab does not run.", "Start it with `make up`.")
    console.print("[green]All is well.[/green]")


@app.command()
def logs(
    names: Names = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines of each service.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show what services wrote to their standard output."""
    choose(LabSettings.running()).engine.logs(names or [], lines, follow)


@app.command()
def trace(
    trace_id: Annotated[str, typer.Argument(help="32 hexadecimal digits, as in the answer's `trace_id`.")],
    wait: Annotated[float, typer.Option(help="Seconds to wait for a trace that is not there yet.")] = 6.0,
) -> None:
    """Draw the span tree of one request."""
    try:
        wanted = clean_trace_id(trace_id)
    except ValueError as error:
        raise LabError(str(error), "Copy it from an answer of POST /chat or from a log line.", 2) from error
    source = Lab(Endpoints.of(LabSettings.running())).traces()
    if not wait_for(lambda: source.get(wanted), wait):
        raise LabError(f"No trace {wanted} in {source.name}.", "Is it of this lab, and younger than the retention?")
    show_trace(wanted, source, Console())


@app.command()
def clean(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the lab and delete its data."""
    settings = LabSettings.running()
    if not yes:
        if not sys.stdin.isatty():
            raise LabError("This deletes all data of the lab.", "Say so: `lab clean --yes`.", 2)
        if not Confirm.ask(f"Delete all data of the lab in {settings.home}?", default=False):
            raise LabError("Nothing was deleted.")
    with alone(settings, "clean"):
        engine = choose(settings).engine
        with Board() as board:
            if read_state(settings.home):
                engine.down(board)
            engine.clean(board)
    Console().print("The lab's data is deleted.")


def _choose(settings: LabSettings, console: Console) -> Choice:
    choice = choose(settings)
    console.print(f"Engine: [bold]{choice.engine.name}[/bold] ({choice.reason}).", highlight=False, soft_wrap=True)
    return choice


def _say_changed(settings: LabSettings, before: dict[str, str], console: Console) -> None:
    changed = [key for key, value in settings.values.items() if before.get(key) != value]
    if changed:
        console.print(f"Changed since its start: {', '.join(changed)}. `lab restart` applies that.", soft_wrap=True)


def _show_addresses(settings: LabSettings, missing: dict[str, str], console: Console) -> None:
    about = {
        "assistant": "the assistant: book an appointment by chat, its figures beside it",
        "grafana": "dashboards",
        "pager": "incidents and runbooks",
        "prometheus": "metrics and alerts",
        "alertmanager": "who is told of which alert",
        "loadtest": "the load generator",
    }
    for name, text in about.items():
        if name not in missing:
            console.print(f"  {settings.url(name)}  {text}", highlight=False, soft_wrap=True)


def _coloured(state: str) -> str:
    colour = {"running": "green", "starting": "yellow", "missing": "yellow", "failed": "red"}.get(state, "dim")
    return f"[{colour}]{state}[/{colour}]"


def _rest(row: ServiceStatus) -> tuple[str, str, str, str]:
    memory = "" if row.memory is None else f"{row.memory / 2**20:.0f} MiB"
    uptime = "" if row.uptime is None else f"{row.uptime:.0f} s"
    return "" if row.state == "missing" else row.source, memory, uptime, row.url or ""
