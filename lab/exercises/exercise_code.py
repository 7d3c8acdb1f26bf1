"""Calls the code of an exercise: its start, its check, its solution."""

import importlib.util
import random
from pathlib import Path
from types import ModuleType

from lab.exercises.catalogue import Exercise
from lab.exercises.outcome import CannotCheck, Outcome
from lab.exercises.session import Session
from lab.query import Lab, ServerMissing


def start(exercise: Exercise, lab: Lab, session: Session) -> None:
    """Let the exercise prepare the lab and draw the session's values.

    Raises:
        ServerMissing: a server that it needs does not answer.
    """
    missing = lab.missing(exercise.needs)
    if missing:
        raise ServerMissing(missing[0], _address(lab, missing[0]), "this exercise needs it")
    module = _load(exercise.folder / "check.py")
    session.values = module.start(lab, random.Random(session.seed))  # noqa: S311 - a draw, no secret


def check(exercise: Exercise, lab: Lab, session: Session) -> Outcome:
    """Ask the running lab whether the session is solved."""
    missing = lab.missing(exercise.needs)
    if missing:
        return CannotCheck(missing[0], f"it does not answer at {_address(lab, missing[0])}")
    try:
        outcome: Outcome = _load(exercise.folder / "check.py").check(lab, session)
    except ServerMissing as error:
        return CannotCheck(error.name, f"it does not answer at {error.url}: {error.reason}")
    return outcome


def solve(exercise: Exercise, lab: Lab, session: Session) -> dict[str, str]:
    """Find the session's answers as the solution does."""
    answers: dict[str, str] = _load(exercise.folder / "solution" / "solve.py").solve(lab, session.values)
    return answers


def _address(lab: Lab, server: str) -> str:
    return lab.endpoints.urls.get("tempo" if server == "traces" else server, "")


def _load(path: Path) -> ModuleType:
    """Import a file by its path: the folders' names are for people, and no package's."""
    spec = importlib.util.spec_from_file_location(f"exercise_{path.stem}_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
