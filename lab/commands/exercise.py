"""`lab exercise`: list, start, check, hint, solution, reset."""

import time
from typing import Annotated

import typer
from rich.markdown import Markdown
from rich.table import Table

from lab.console import Console
from lab.engines.choice import connect
from lab.errors import LabError
from lab.exercises import catalogue, exercise_code, session
from lab.exercises.catalogue import Exercise
from lab.exercises.outcome import CannotCheck, Checked, Outcome, Waiting
from lab.exercises.session import Session
from lab.query import Lab
from lab.settings import LabSettings

app = typer.Typer(help="Exercises that the lab itself checks.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="An exercise's name or number, see `lab exercise list`.")]

# Exit codes of `check`.
_PASSED, _NOT_YET, _WAITING, _CANNOT_CHECK = 0, 1, 3, 4


@app.command("list")
def list_() -> None:
    """List the exercises and how far you are."""
    settings = LabSettings.running()
    table = Table(box=None)
    for heading in ("", "name", "title", "topics", "minutes", "you"):
        table.add_column(heading)
    for one in catalogue.load(settings.root):
        state = _state(session.load(settings.home, one.name))
        table.add_row(str(one.order), one.name, one.title, ", ".join(one.topics), str(one.minutes), state)
    Console().print(table)


@app.command()
def start(
    name: Name,
    seed: Annotated[int | None, typer.Option(help="Draw the session's values from this number.")] = None,
) -> None:
    """Start an exercise, or start it again with other values."""
    settings, exercise = _exercise(name)
    fresh = session.new(exercise.name, seed)
    exercise_code.start(exercise, _lab(settings), fresh)
    session.save(settings.home, fresh)
    console = Console()
    console.print(Markdown(exercise.text("README.md")))
    _print_brief(console, exercise, fresh)


@app.command()
def check(
    name: Name,
    answer: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE, once per question; earlier answers are kept.")
    ] = None,
) -> None:
    """Check an exercise on the running lab.

    Exit code: 0 passed, 1 not yet, 2 wrong input, 3 waiting, 4 cannot check.
    """
    settings, exercise = _exercise(name)
    own = _session(settings, exercise)
    own.answers |= _answers(exercise, answer or [])
    outcome = exercise_code.check(exercise, _lab(settings), own)
    own.checks += 1
    if isinstance(outcome, Checked) and outcome.passed:
        own.passed_at = own.passed_at or time.time()
    session.save(settings.home, own)
    console = Console()
    code = _print_outcome(console, outcome)
    if code == _NOT_YET:
        _print_brief(console, exercise, own)
    if code == _PASSED:
        console.print(Markdown(exercise.text("debrief.md")))
    raise typer.Exit(code)


@app.command()
def hint(name: Name) -> None:
    """Show the next hint, and those before it."""
    settings, exercise = _exercise(name)
    own = _session(settings, exercise)
    hints = exercise.hints()
    own.hints = min(own.hints + 1, len(hints))
    session.save(settings.home, own)
    console = Console()
    for number, text in enumerate(hints[: own.hints], start=1):
        console.print(Markdown(f"{text}\n\n*Hint {number} of {len(hints)}*"))
    if own.hints == len(hints):
        console.print(f"This was the last hint. See `lab exercise solution {exercise.name}`.")


@app.command()
def solution(name: Name) -> None:
    """Show the solution, and its answers for your session."""
    settings, exercise = _exercise(name)
    own = session.load(settings.home, exercise.name)
    console = Console()
    console.print(Markdown(exercise.text("solution/README.md")))
    if own is None:
        return
    own.solution_seen = True
    session.save(settings.home, own)
    try:
        answers = exercise_code.solve(exercise, _lab(settings), own)
    except LookupError as error:
        raise LabError(
            f"In your session: {error}.", f"Start it again: `lab exercise start {exercise.name}`."
        ) from error
    for key, value in answers.items():
        console.print(f"  --answer {key}={value}", highlight=False, soft_wrap=True)


@app.command()
def reset(name: Name) -> None:
    """Delete your session of an exercise."""
    settings, exercise = _exercise(name)
    was = session.delete(settings.home, exercise.name)
    text = "is reset" if was else "was not started"
    Console().print(f"`{exercise.name}` {text}.", highlight=False)


def _exercise(name: str) -> tuple[LabSettings, Exercise]:
    settings = LabSettings.running()
    return settings, catalogue.get(settings.root, name)


def _lab(settings: LabSettings) -> Lab:
    if settings.engine() is None:
        raise LabError("The lab does not run.", "Start it with `make up`.")
    return connect(settings)


def _session(settings: LabSettings, exercise: Exercise) -> Session:
    own = session.load(settings.home, exercise.name)
    if own is None:
        raise LabError(f"`{exercise.name}` was not started.", f"Begin with `lab exercise start {exercise.name}`.")
    return own


def _answers(exercise: Exercise, given: list[str]) -> dict[str, str]:
    answers = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals or key not in exercise.answers:
            keys = ", ".join(f"{key}=..." for key in exercise.answers)
            raise LabError(f"`--answer {one}` cannot be read.", f"This exercise asks for: {keys}", 2)
        answers[key] = value.strip()
    return answers


def _state(own: Session | None) -> str:
    if own is None:
        return "-"
    return "passed" if own.passed_at else f"started, {own.checks} checks"


def _print_brief(console: Console, exercise: Exercise, own: Session) -> None:
    console.print(f"\n{exercise.brief.format_map(own.values).strip()}", highlight=False, soft_wrap=True)
    arguments = " ".join(f"--answer {key}=..." for key in exercise.answers)
    for key, question in exercise.answers.items():
        console.print(f"  {key:<8} {question}", highlight=False, soft_wrap=True)
    console.print(f"\nCheck: lab exercise check {exercise.name} {arguments}", highlight=False, soft_wrap=True)


def _print_outcome(console: Console, outcome: Outcome) -> int:
    """Print an outcome and return the exit code of `check`."""
    match outcome:
        case Checked():
            console.print("[green]Passed.[/green]" if outcome.passed else "[yellow]Not yet.[/yellow]")
            table = Table(box=None)
            for heading in ("", "check", "expected", "observed"):
                table.add_column(heading, overflow="fold")
            for one in outcome.findings:
                table.add_row("[green]✓[/green]" if one.ok else "[yellow]✗[/yellow]", one.what, one.expected, one.seen)
            console.print(table)
            return _PASSED if outcome.passed else _NOT_YET
        case Waiting():
            console.print(f"Waiting: {outcome.reason}. Check again in {outcome.seconds:.0f} s.", highlight=False)
            return _WAITING
        case CannotCheck():
            text = (
                f"Cannot check: {outcome.server} is missing ({outcome.reason}). `lab status` shows which servers run."
            )
            console.print(text, highlight=False, soft_wrap=True)
            return _CANNOT_CHECK
