"""Runs the code of an exercise: start, check and solution."""

import importlib.util
import random
from pathlib import Path
from types import ModuleType

from lab.exercises.catalogue import Exercise
from lab.exercises.outcome import CannotCheck, Outcome
from lab.exercises.session import Session
from lab.query import Lab, ServerMissing


def start(exercise: Exercise, lab: Lab, session: Session) -> None:
    """Run the exercise's start, which draws the session's values.

    Raises:
        ServerMissing: a server that it needs does not answer.
    """
    if missing := lab.missing(exercise.needs):
        raise ServerMissing(missing[0], _address(lab, missing[0]), "this exercise needs it")
    module = _load(exercise.folder / "check.py")
    session.values = module.start(lab, random.Random(session.seed))  # noqa: S311 - a draw, no secret


def check(exercise: Exercise, lab: Lab, session: Session) -> Outcome:
    """Check the answers of a session on the running lab."""
    if missing := lab.missing(exercise.needs):
        return CannotCheck(missing[0], f"it does not answer at {_address(lab, missing[0])}")
    try:
        outcome: Outcome = _load(exercise.folder / "check.py").check(lab, session)
    except ServerMissing as error:
        return CannotCheck(error.name, f"it does not answer at {error.url}: {error.reason}")
    return outcome


def solve(exercise: Exercise, lab: Lab, session: Session) -> dict[str, str]:
    """Return the session's answers from the solution's code."""
    answers: dict[str, str] = _load(exercise.folder / "solution" / "solve.py").solve(lab, session.values)
    return answers


def _address(lab: Lab, server: str) -> str:
    return lab.endpoints.urls.get("tempo" if server == "traces" else server, "")


def _load(path: Path) -> ModuleType:
    """Import a file by its path: the names of the folders are no names of packages."""
    spec = importlib.util.spec_from_file_location(f"exercise_{path.stem}_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
