"""The on-call rotation: a YAML file, read at each use.

The file may be invalid at any time. Its problems are listed, and a level without exactly one responder falls back to
everyone on the first level: a page always reaches a person.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.pager.model.names import MAX_NAME
from services.pager.model.notification import UNNAMED, cut
from services.web.text import check_name, clean_line
from services.web.times import format_rfc3339

# An hour of production is five minutes in the lab: a minute of lab time takes five seconds, a lab week 14 h.
SECONDS_PER_LAB_MINUTE = 5
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7 * 24 * 60  # minutes of lab time
# Paged while no file could be read since the start.
EVERYONE = "everyone"
MAX_FILE_BYTES = 64 * 1024
MAX_PROBLEMS = 20
MAX_RESPONDER = 500  # characters
_MOMENT = re.compile(r"(?P<day>[a-z]{3}) (?P<hour>\d\d):(?P<minute>\d\d)", re.IGNORECASE)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _FileShift(_Strict):
    person: str
    start: str = Field(alias="from")
    end: str = Field(alias="to")


class _FileLevel(_Strict):
    name: str = Field(min_length=1, max_length=60)
    shifts: list[_FileShift] = Field(max_length=200)


class _File(_Strict):
    people: dict[str, str] = Field(min_length=1, max_length=100)
    levels: list[_FileLevel] = Field(min_length=1, max_length=10)


@dataclass(frozen=True)
class _Shift:
    """A shift, in minutes of the lab week; `end` is beyond the week's where it goes over its end."""

    person: str
    start: int
    end: int

    def covers(self, minute: int) -> bool:
        return self.start <= minute < self.end or minute + WEEK < self.end


@dataclass(frozen=True)
class Duty:
    """The responders of one level `until` the next change; then come those of `next`."""

    level: int  # from 1 on
    name: str
    responders: tuple[str, ...]
    fallback: bool  # no responder or several in the file: everyone on the first level
    until: datetime | None
    next: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """One reading of the file."""

    people: tuple[str, ...] = ()
    names: tuple[str, ...] = ("first responder",)
    problems: tuple[str, ...] = ()
    readable: bool = True
    _shifts: tuple[tuple[_Shift, ...], ...] = field(default=((),), repr=False)

    @property
    def levels(self) -> int:
        """Return the number of levels, at least one."""
        return len(self.names)

    def responders(self, level: int, now: datetime) -> tuple[tuple[str, ...], bool]:
        """Return the responders of a level (from 0 on), and whether they are the fallback."""
        on_duty = _on_duty(self._shifts[level], _minute(now))
        if len(on_duty) == 1:
            return tuple(on_duty), False
        first = dict.fromkeys(shift.person for shift in self._shifts[0])
        return tuple(first or self.people or (EVERYONE,)), True

    def duty(self, level: int, now: datetime) -> Duty:
        """Return the duty of a level (from 0 on), with its next change."""
        responders, fallback = self.responders(level, now)
        coming = ((until, self.responders(level, until)[0]) for until in self._changes(level, now))
        until, after = next((one for one in coming if one[1] != responders), (None, ()))
        return Duty(level + 1, self.names[level], responders, fallback, until, after)

    def _changes(self, level: int, now: datetime) -> Iterator[datetime]:
        """Yield the moments of the next week at which a shift of the level begins or ends."""
        minute = _minute(now)
        begun = int(now.timestamp()) // SECONDS_PER_LAB_MINUTE * SECONDS_PER_LAB_MINUTE
        edges = {edge % WEEK for shift in self._shifts[level] for edge in (shift.start, shift.end)}
        for ahead in sorted((edge - minute - 1) % WEEK + 1 for edge in edges):
            yield datetime.fromtimestamp(begun, UTC) + timedelta(seconds=ahead * SECONDS_PER_LAB_MINUTE)


class Rotation:
    """Reads the file. Its problems are part of the plan, never an exception."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last_good: Plan | None = None

    def read(self) -> Plan:
        """Return the current plan. An unreadable file keeps people and levels, and all levels fall back."""
        try:
            plan = _plan(self._text())
        except _UnreadableError as error:
            known = self._last_good or Plan(readable=False)
            empty: tuple[tuple[_Shift, ...], ...] = tuple(() for _ in known.names)
            # The fallback stays the first level of the last good file.
            first = dict.fromkeys(shift.person for shift in known._shifts[0])
            return Plan(tuple(first) or known.people, known.names, (str(error),), False, empty)
        self._last_good = plan
        return plan

    def document(self, now: datetime) -> dict[str, Any]:
        """Return who is on call as JSON."""
        plan = self.read()
        duties = [plan.duty(level, now) for level in range(plan.levels)]
        return {
            "now": format_rfc3339(now),
            "lab_time": lab_time(now),
            "file": self._file.name,
            "people": list(plan.people),
            "problems": list(plan.problems),
            "levels": [
                {**asdict(duty), "until": format_rfc3339(duty.until) if duty.until else None} for duty in duties
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
    """The file has no valid plan; the text is the reason."""


def join_names(responders: tuple[str, ...]) -> str:
    """Return the names as a text that fits the database column."""
    return cut(", ".join(responders), MAX_RESPONDER)


def lab_time(now: datetime) -> str:
    """Return the lab time of a moment: `tue 14:35`."""
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
    problems: list[str] = []
    people = {key: _name(key, name, problems) for key, name in file.people.items()}
    shifts = tuple(tuple(_shifts(number, level, people, problems)) for number, level in enumerate(file.levels, start=1))
    for number, (level, its) in enumerate(zip(file.levels, shifts, strict=True), start=1):
        problems += _gaps(f"level {number} ({level.name})", its)
    if len(problems) > MAX_PROBLEMS:
        problems = [*problems[:MAX_PROBLEMS], f"and {len(problems) - MAX_PROBLEMS} more"]
    names = tuple(level.name for level in file.levels)
    return Plan(tuple(dict.fromkeys(people.values())), names, tuple(problems), True, shifts)


def _name(key: str, name: str, problems: list[str]) -> str:
    """Return the name of a person, cleaned where it is invalid; add the reason to `problems`."""
    name = name.strip() or key
    try:
        check_name(name)
    except ValueError as error:
        problems.append(f"`people.{clean_line(key)[:MAX_NAME]}`: the name {error}")
        name = clean_line(name) or UNNAMED
    return name[:MAX_NAME]


def _shifts(number: int, level: _FileLevel, people: dict[str, str], problems: list[str]) -> Iterator[_Shift]:
    """Yield the valid shifts of a level; add the others to `problems`."""
    where = f"level {number} ({level.name})"
    for shift in level.shifts:
        if shift.person not in people:
            problems.append(f"{where}: `{shift.person[:60]}` is not in `people`")
            continue
        start, end = _parse_moment(shift.start), _parse_moment(shift.end)
        if start is None or end is None:
            wrong = shift.start if start is None else shift.end
            problems.append(f"{where}: `{wrong[:40]}` is not a time of the lab week such as `mon 08:00`")
            continue
        # From a moment to itself is a whole week.
        yield _Shift(people[shift.person], start % WEEK, start % WEEK + ((end - start - 1) % WEEK + 1))


def _gaps(where: str, shifts: tuple[_Shift, ...]) -> list[str]:
    """Return the gaps and overlaps of a level."""
    edges = sorted({edge % WEEK for shift in shifts for edge in (shift.start, shift.end)})
    if not shifts:
        return [f"{where}: no shifts"]
    gaps = []
    for start, end in zip(edges, [*edges[1:], edges[0]], strict=True):
        on_duty = _on_duty(shifts, start)
        if len(on_duty) != 1:
            names = " and ".join(on_duty) + " at once" if on_duty else "no responder"
            gaps.append(f"{where}: {names} from {_clock(start)} to {_clock(end)}")
    return gaps


def _on_duty(shifts: tuple[_Shift, ...], minute: int) -> list[str]:
    return list(dict.fromkeys(shift.person for shift in shifts if shift.covers(minute)))


def _parse_moment(text: str) -> int | None:
    """Parse a moment such as `mon 08:00` to minutes of the week; 24:00 is the end of its day. None if invalid."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None or match["day"].lower() not in DAYS:
        return None
    minute = int(match["hour"]) * 60 + int(match["minute"])
    if minute > 24 * 60 or int(match["minute"]) > 59:
        return None
    return DAYS.index(match["day"].lower()) * 24 * 60 + minute


def _minute(now: datetime) -> int:
    """Return the minute of the lab week. Weeks begin at the Unix epoch."""
    return int(now.timestamp()) // SECONDS_PER_LAB_MINUTE % WEEK


def _clock(minute: int) -> str:
    day, rest = divmod(minute % WEEK, 24 * 60)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"
