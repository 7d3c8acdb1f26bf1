"""Reads `.env` the way Docker Compose does, for the plain lines that both engines read alike.

Compose knows quotes, escapes and `$` expansion. Two readers of such rules drift apart, so the lab's file holds plain
`KEY=value` lines only and anything else is refused with its line.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.errors import LabError

_LINE = re.compile(r"(?P<key>[A-Z][A-Z0-9_]*)=(?P<value>.*)")
_DURATION = re.compile(r"(\d+(ms|s|m|h|d))+")
_MEMORY = re.compile(r"\d+[kmg]")
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?")


def _number(low: float, high: float, what: str) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        try:
            number = float(value)
        except ValueError:
            return f"needs {what}"
        return None if low <= number <= high else f"needs {what}"

    return check


def _whole(low: int, high: int, what: str) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        return None if value.isascii() and value.isdigit() and low <= int(value) <= high else f"needs {what}"

    return check


def _shape(pattern: re.Pattern[str], what: str) -> Callable[[str], str | None]:
    return lambda value: None if pattern.fullmatch(value) else f"needs {what}"


_PORT = _whole(1, 65535, "a port from 1 to 65535")
# First match decides. Keys with no rule may hold any plain text.
_RULES: tuple[tuple[re.Pattern[str], Callable[[str], str | None]], ...] = (
    (re.compile(r".*_PORT"), _PORT),
    (re.compile(r".*_VERSION"), _shape(_VERSION, "a version such as 3.14.0 (never `latest`)")),
    (re.compile(r".*_MEMORY"), _shape(_MEMORY, "an amount such as 512m")),
    (re.compile(r".*_RETENTION|TRACE_DECISION_WAIT"), _shape(_DURATION, "a duration such as 72h")),
    (re.compile(r"TRACE_SAMPLE_RATIO"), _number(0, 1, "a share from 0 to 1")),
    (re.compile(r"TRACE_KEEP_PERCENT"), _number(0, 100, "a percentage from 0 to 100")),
    (re.compile(r"LOG_LEVEL"), _shape(re.compile("DEBUG|INFO|WARNING|ERROR"), "DEBUG, INFO, WARNING or ERROR")),
    (re.compile(r"LAB_ENGINE"), _shape(re.compile("|compose|native"), "`compose`, `native` or nothing")),
    (re.compile(r"LOG_MAX_BYTES"), _whole(10_000, 10**9, "bytes from 10000 to 1000000000")),
    (re.compile(r"LOG_BACKUPS|STEADY_USERS|MAX_BUSINESS_LABELS|MODEL_SEED"), _whole(0, 10_000, "0 to 10000")),
    (re.compile(r"CONVERSATION_HOURS"), _number(0.01, 10_000, "hours")),
    (re.compile(r"MODEL_FIRST_TOKEN_SECONDS|CHAT_BUDGET_SECONDS"), _number(0, 120, "seconds from 0 to 120")),
    (re.compile(r"MODEL_TOKENS_PER_SECOND"), _number(0, 1_000_000, "tokens per second, 0 or more")),
)


def read(path: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Values of `path`, each overridden by the same key of `environment` (default: the process's own), checked.

    Raises:
        LabError: the file is missing, or lines are not plain, doubled or out of range; all bad lines are named.
    """
    environment = os.environ if environment is None else environment
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise LabError(f"{path} is missing.", "Restore it with `git checkout -- .env`.", 2) from error
    except UnicodeDecodeError as error:
        raise LabError(f"{path} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8.", 2) from error
    values: dict[str, str] = {}
    where: dict[str, int] = {}
    faults: list[str] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if not found:
            faults.append(f"line {number}: `{line[:60]}` is not KEY=value")
        elif fault := _plain(found["value"]):
            faults.append(f"line {number}: {found['key']} {fault}")
        elif found["key"] in values:
            faults.append(f"line {number}: {found['key']} stands on line {where[found['key']]} already")
        else:
            values[found["key"]] = found["value"]
            where[found["key"]] = number
    for key, number in where.items():
        place = f"line {number}"
        if key in environment:
            values[key] = environment[key]
            place = f"line {number} (overridden in the shell)"
        if fault := check(key, values[key]):
            faults.append(f"{place}: {key} {fault}, not `{values[key]}`")
    faults += _doubled_ports(values, where)
    if faults:
        raise LabError(f"{path} cannot be used:\n  " + "\n  ".join(faults), "Mend the lines named above.", 2)
    return values


def check(key: str, value: str) -> str | None:
    """What is wrong with `value` for `key`, or None."""
    for pattern, rule in _RULES:
        if pattern.fullmatch(key):
            return rule(value)
    return None


def _plain(value: str) -> str | None:
    if re.search(r"""["'`$\\]|\s|#""", value):
        return "has quotes, blanks, `$`, `#` or a backslash; the two engines would read that differently"
    return None


def _doubled_ports(values: Mapping[str, str], where: Mapping[str, int]) -> list[str]:
    owners: dict[str, str] = {}
    faults = []
    for key, value in values.items():
        if not key.endswith("_PORT"):
            continue
        if value in owners:
            faults.append(f"line {where[key]}: {key} is {value}, which {owners[value]} has already")
        owners[value] = key
    return faults
