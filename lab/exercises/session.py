"""A learner's session of one exercise, in a JSON file."""

import json
import secrets
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.files import write_atomically


@dataclass
class Session:
    """A session. Times are Unix times in seconds.

    Attributes:
        values: drawn by the exercise.
        answers: the learner's, by question.
    """

    exercise: str
    id: str
    seed: int
    started_at: float
    values: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    hints: int = 0
    checks: int = 0
    solution_seen: bool = False
    passed_at: float | None = None

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.time() - self.started_at


def new(exercise: str, seed: int | None = None) -> Session:
    """Return a new session; without a seed one is drawn."""
    seed = secrets.randbelow(2**31) if seed is None else seed
    return Session(exercise, secrets.token_hex(4), seed, time.time())


def path_for(home: Path, exercise: str) -> Path:
    """Return the file of a session."""
    return home / "exercises" / f"{exercise}.json"


def load(home: Path, exercise: str) -> Session | None:
    """Return the session, or None if the exercise was not started.

    Raises:
        LabError: the file is invalid.
    """
    path = path_for(home, exercise)
    try:
        return Session(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LabError(f"{path} cannot be read: {error}", f"Start again: `lab exercise start {exercise}`.") from error


def save(home: Path, session: Session) -> None:
    """Write the session to its file."""
    path = path_for(home, session.exercise)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(asdict(session), indent=1, ensure_ascii=False) + "\n")


def delete(home: Path, exercise: str) -> bool:
    """Delete a session; return whether there was one."""
    try:
        path_for(home, exercise).unlink()
    except FileNotFoundError:
        return False
    return True
