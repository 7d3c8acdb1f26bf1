"""Who is on call: a plain YAML file that people edit, read anew at each use.

The file may be wrong at any time. What is wrong is told in words, and whoever cannot be found by it is replaced by
everybody on the first level: a page goes to somebody, always.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.pager.documents import rfc3339

# An hour of production is five minutes in the lab: a minute of lab time takes five seconds, a lab week 14 h.
SECONDS_PER_LAB_MINUTE = 5
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7 * 24 * 60  # minutes of lab time
# Who is paged while no file could be read since the start.
EVERYBODY = "everybody"
MAX_FILE_BYTES = 64 * 1024
MAX_PROBLEMS = 20
MAX_RESPONDER = 500  # characters
_MOMENT = re.compile(r"(?P<day>[a-z]{3}) (?P<hour>\d\d):(?P<minute>\d\d)", re.IGNORECASE)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Shift(_Strict):
    person: str
    start: str = Field(alias="from")
    end: str = Field(alias="to")


class _Level(_Strict):
    name: str = Field(min_length=1, max_length=60)
    shifts: list[_Shift] = Field(max_length=200)


class _File(_Strict):
    people: dict[str, str] = Field(min_length=1, max_length=100)
    levels: list[_Level] = Field(min_length=1, max_length=10)


@dataclass(frozen=True)
class _Turn:
    """A shift, in minutes of the lab week; `end` is beyond the week's where it goes over its end."""

    person: str
    start: int
    end: int

    def holds(self, minute: int) -> bool:
        return self.start <= minute < self.end or minute + WEEK < self.end


@dataclass(frozen=True)
class Duty:
    """Who is on call on one level: since when does not matter, `until` when does; then comes `after`."""

    level: int  # from 1 on
    name: str
    responders: tuple[str, ...]
    fallback: bool  # the file names nobody, or more than one: everybody of the first level instead
    until: datetime | None
    after: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What one reading of the file gave."""

    people: tuple[str, ...] = ()
    names: tuple[str, ...] = ("first responder",)
    problems: tuple[str, ...] = ()
    readable: bool = True
    _turns: tuple[tuple[_Turn, ...], ...] = field(default=((),), repr=False)

    @property
    def levels(self) -> int:
        """How many levels there are; one at least."""
        return len(self.names)

    def responders(self, level: int, now: datetime) -> tuple[tuple[str, ...], bool]:
        """Who is paged on a level (from 0 on), and whether that is the fallback."""
        on_duty = _on_duty(self._turns[level], _minute(now))
        if len(on_duty) == 1:
            return tuple(on_duty), False
        first = dict.fromkeys(turn.person for turn in self._turns[0])
        return tuple(first or self.people or (EVERYBODY,)), True

    def duty(self, level: int, now: datetime) -> Duty:
        """The duty of a level (from 0 on), with its next change."""
        responders, fallback = self.responders(level, now)
        for until in self._changes(level, now):
            after, _ = self.responders(level, until)
            if after != responders:
                return Duty(level + 1, self.names[level], responders, fallback, until, after)
        return Duty(level + 1, self.names[level], responders, fallback, None, ())

    def _changes(self, level: int, now: datetime) -> Iterator[datetime]:
        """The moments of the next week at which a shift of the level begins or ends."""
        minute = _minute(now)
        begun = int(now.timestamp()) // SECONDS_PER_LAB_MINUTE * SECONDS_PER_LAB_MINUTE
        edges = {edge % WEEK for turn in self._turns[level] for edge in (turn.start, turn.end)}
        for ahead in sorted((edge - minute - 1) % WEEK + 1 for edge in edges):
            yield datetime.fromtimestamp(begun, UTC) + timedelta(seconds=ahead * SECONDS_PER_LAB_MINUTE)


class Rotation:
    """The file. Reading it never raises."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last_good: Plan | None = None

    def read(self) -> Plan:
        """The file as it is now. One that cannot be read leaves people and levels as they were, and nobody on duty."""
        try:
            plan = _plan(self._text())
        except _UnreadableError as error:
            known = self._last_good or Plan(readable=False)
            nobody = tuple(() for _ in known.names)
            # Whoever had the first level stays its everybody.
            first = dict.fromkeys(turn.person for turn in known._turns[0])
            return Plan(tuple(first) or known.people, known.names, (str(error),), False, nobody)
        self._last_good = plan
        return plan

    def document(self, now: datetime) -> dict[str, Any]:
        """Who is on call, as programs and the page read it."""
        plan = self.read()
        duties = [plan.duty(level, now) for level in range(plan.levels)]
        return {
            "now": rfc3339(now),
            "lab_time": lab_time(now),
            "file": self._file.name,
            "people": list(plan.people),
            "problems": list(plan.problems),
            "levels": [
                {
                    "level": duty.level,
                    "name": duty.name,
                    "responders": list(duty.responders),
                    "fallback": duty.fallback,
                    "until": rfc3339(duty.until) if duty.until else None,
                    "next": list(duty.after),
                }
                for duty in duties
            ],
        }

    def _text(self) -> str:
        name = self._file.name
        try:
            with self._file.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            raise _UnreadableError(f"{name} is missing: put it back (git checkout -- oncall)") from None
        except OSError as error:
            raise _UnreadableError(f"{name} cannot be read ({error.strerror})") from None
        if len(data) > MAX_FILE_BYTES:
            raise _UnreadableError(f"{name} is larger than {MAX_FILE_BYTES} bytes")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _UnreadableError(f"{name} is not UTF-8 text (byte {error.start})") from None


class _UnreadableError(Exception):
    """The file gives no plan at all; the text says why."""


def told(responders: tuple[str, ...]) -> str:
    """People as a text that fits the database."""
    text = ", ".join(responders)
    return text if len(text) <= MAX_RESPONDER else text[: MAX_RESPONDER - 1] + "…"


def lab_time(now: datetime) -> str:
    """Where in the lab week a moment is: `tue 14:35`."""
    return _clock(_minute(now))


def _plan(text: str) -> Plan:
    try:
        # CSafeLoader is not everywhere; the file is small.
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _UnreadableError(f"line {line} is no YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _UnreadableError(f"the file is no YAML: {str(error).splitlines()[0][:200]}") from None
    if not isinstance(document, dict):
        raise _UnreadableError("the file holds no `people:` and `levels:`")
    try:
        file = _File.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _UnreadableError(f"`{where}`: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
    people = {key: (name.strip() or key)[:60] for key, name in file.people.items()}
    problems: list[str] = []
    turns = tuple(tuple(_turns(number, level, people, problems)) for number, level in enumerate(file.levels, start=1))
    for number, (level, its) in enumerate(zip(file.levels, turns, strict=True), start=1):
        problems += _holes(f"level {number} ({level.name})", its)
    if len(problems) > MAX_PROBLEMS:
        problems = [*problems[:MAX_PROBLEMS], f"and {len(problems) - MAX_PROBLEMS} more"]
    names = tuple(level.name for level in file.levels)
    return Plan(tuple(dict.fromkeys(people.values())), names, tuple(problems), True, turns)


def _turns(number: int, level: _Level, people: dict[str, str], problems: list[str]) -> Iterator[_Turn]:
    """The shifts of a level that can be used; the others are told in `problems`."""
    where = f"level {number} ({level.name})"
    for shift in level.shifts:
        if shift.person not in people:
            problems.append(f"{where}: `{shift.person[:60]}` is nobody of `people`")
            continue
        start, end = _parsed(shift.start), _parsed(shift.end)
        if start is None or end is None:
            wrong = shift.start if start is None else shift.end
            problems.append(f"{where}: `{wrong[:40]}` is no moment of the lab week such as `mon 08:00`")
            continue
        # From a moment to itself is a whole week.
        yield _Turn(people[shift.person], start % WEEK, start % WEEK + ((end - start - 1) % WEEK + 1))


def _holes(where: str, turns: tuple[_Turn, ...]) -> list[str]:
    """Gaps and overlaps of a level."""
    edges = sorted({edge % WEEK for turn in turns for edge in (turn.start, turn.end)})
    if not turns:
        return [f"{where}: nobody at all"]
    found = []
    for start, end in zip(edges, [*edges[1:], edges[0]], strict=True):
        on_duty = _on_duty(turns, start)
        if len(on_duty) != 1:
            who = " and ".join(on_duty) + " at once" if on_duty else "nobody"
            found.append(f"{where}: {who} from {_clock(start)} to {_clock(end)}")
    return found


def _on_duty(turns: tuple[_Turn, ...], minute: int) -> list[str]:
    return list(dict.fromkeys(turn.person for turn in turns if turn.holds(minute)))


def _parsed(text: str) -> int | None:
    """A moment such as `mon 08:00` in minutes of the week; 24:00 is the end of its day."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None or found["day"].lower() not in DAYS:
        return None
    minute = int(found["hour"]) * 60 + int(found["minute"])
    if minute > 24 * 60 or int(found["minute"]) > 59:
        return None
    return DAYS.index(found["day"].lower()) * 24 * 60 + minute


def _minute(now: datetime) -> int:
    """The minute of the lab week. Weeks are counted from 1970 on, like everything on a Unix clock."""
    return int(now.timestamp()) // SECONDS_PER_LAB_MINUTE % WEEK


def _clock(minute: int) -> str:
    day, rest = divmod(minute % WEEK, 24 * 60)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"
