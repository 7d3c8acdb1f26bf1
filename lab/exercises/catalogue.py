"""Finds the exercises: every folder in `exercises` that has an `exercise.toml`."""

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

_PARTS = ("README.md", "check.py", "hints.md", "debrief.md", "solution/README.md", "solution/solve.py")
_FIELDS = {"order": int, "title": str, "topics": list, "minutes": int, "needs": list, "brief": str, "answers": dict}


@dataclass(frozen=True)
class Exercise:
    """One exercise, as its `exercise.toml` describes it.

    Attributes:
        needs: servers without which it cannot be checked.
        brief: the task, with the session's values in braces.
        answers: question by the name of its answer.
    """

    name: str
    folder: Path
    order: int
    title: str
    topics: list[str]
    minutes: int
    needs: list[str]
    brief: str
    answers: dict[str, str]

    def text(self, file: str) -> str:
        """Return one of the exercise's texts."""
        return (self.folder / file).read_text(encoding="utf-8")

    def hints(self) -> list[str]:
        """Return the hints: the sections of `hints.md`."""
        parts = self.text("hints.md").split("\n## ")[1:]
        return ["## " + part.strip() for part in parts]


def load(root: Path) -> list[Exercise]:
    """Return the exercises in their order.

    Raises:
        LabError: exercises are invalid; each problem is named.
    """
    found, wrong = [], []
    for file in sorted((root / "exercises").glob("*/exercise.toml")):
        try:
            found.append(read(file))
        except LabError as error:
            wrong.append(error.message)
    if wrong:
        raise LabError("\n".join(wrong), "Restore the files with git.")
    return sorted(found, key=lambda one: (one.order, one.name))


def read(file: Path) -> Exercise:
    """Read one `exercise.toml`.

    Raises:
        LabError: it is invalid, or another file of the exercise is missing.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabError(f"{file}: {error}") from error
    wrong = [f"`{key}` is missing" for key in _FIELDS if key not in values]
    wrong += [f"`{key}` is not known" for key in values if key not in _FIELDS]
    wrong += [
        f"`{key}` must be a {kind.__name__}"
        for key, kind in _FIELDS.items()
        if not isinstance(values.get(key, kind()), kind)
    ]
    wrong += [f"{part} is missing in its folder" for part in _PARTS if not (file.parent / part).is_file()]
    if wrong:
        raise LabError(f"{file}: {'; '.join(wrong)}")
    return Exercise(file.parent.name, file.parent, **values)


def get(root: Path, name: str) -> Exercise:
    """Return one exercise by the name of its folder, or by its number.

    Raises:
        LabError: there is none; the message has the nearest name.
    """
    exercises = load(root)
    for one in exercises:
        if name in (one.name, str(one.order)):
            return one
    nearest = difflib.get_close_matches(name, [one.name for one in exercises], n=1, cutoff=0.4)
    hint = f"Did you mean `{nearest[0]}`? " if nearest else ""
    raise LabError(f"There is no exercise `{name}`.", f"{hint}`lab exercise list` shows them all.", 2)
