"""Reads `.env` the way Docker Compose does, for the plain lines that both engines read alike.

Compose knows quotes, escapes and `$` expansion. Two readers of such rules drift apart, so the lab's file holds plain
`KEY=value` lines only and anything else is refused with its line.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.errors import LabError

# What people put here by habit, and what to do in its place.
_ELSEWHERE = {
    "MODEL_API_KEY": "is not read from here, where it would be shown and kept in many places: take the line out, and "
    "give the key with `lab key`"
}
_LINE = re.compile(r"(?P<key>[A-Z][A-Z0-9_]*)=(?P<value>.*)")
_VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")
# Python would also take 1_000, 1e3, nan and the digits of other scripts; the servers would not.
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")
_MEMORY = re.compile(r"(?P<amount>[1-9][0-9]*)(?P<unit>[kmg])")
_LEAST_MEMORY = 6 * 2**20
# What Prometheus and Loki take, and what Go's own durations know (no days).
_DAYS = re.compile(r"(?=[1-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?")
_HOURS = re.compile(r"(?=[1-9])([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?")


def _number(low: float, high: float, what: str) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        return None if _DECIMAL.fullmatch(value) and low <= float(value) <= high else f"needs {what}"

    return check


def _whole(low: int, high: int, what: str) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        # Ten digits are enough for all, and a zero in front would hide that two values are the same.
        fits = re.fullmatch(r"0|[1-9][0-9]{0,9}", value) and low <= int(value) <= high
        return None if fits else f"needs {what}"

    return check


def _shape(pattern: re.Pattern[str], what: str) -> Callable[[str], str | None]:
    return lambda value: None if pattern.fullmatch(value) else f"needs {what}"


def _memory(value: str) -> str | None:
    found = _MEMORY.fullmatch(value)
    if found and int(found["amount"]) * 2 ** {"k": 10, "m": 20, "g": 30}[found["unit"]] >= _LEAST_MEMORY:
        return None
    return "needs an amount such as 512m, 6m at least"


_PORT = _whole(1, 65535, "a port from 1 to 65535")
# First match decides. Keys with no rule may hold any plain text.
_RULES: tuple[tuple[re.Pattern[str], Callable[[str], str | None]], ...] = (
    (re.compile(r".*_PORT"), _PORT),
    (re.compile(r".*_VERSION"), _shape(_VERSION, "a version such as 3.14.0 (never `latest`)")),
    (
        re.compile(r"GRAFANA_BUILD"),
        _shape(re.compile(r"\d*"), "the number in the names of that version's files, or nothing"),
    ),
    (
        re.compile(r"PROGRAM_MIRROR"),
        _shape(re.compile(r"(https?://[^/?]+(/[^?]*)?)?"), "a URL such as https://mirror.example/lab"),
    ),
    (re.compile(r"PROGRAM_DOWNLOADS"), _shape(re.compile("true|false"), "true or false")),
    (re.compile(r".*_MEMORY|DATA_LIMIT"), _memory),
    (re.compile(r"TEMPO_RETENTION"), _shape(_HOURS, "a duration in hours and minutes such as 72h")),
    (re.compile(r"TRACE_DECISION_WAIT"), _shape(_HOURS, "a duration such as 5s")),
    (re.compile(r".*_RETENTION"), _shape(_DAYS, "a duration such as 72h or 3d")),
    (re.compile(r"TRACE_SAMPLE_RATIO"), _number(0, 1, "a share from 0 to 1")),
    (re.compile(r"TRACE_KEEP_PERCENT"), _number(0, 100, "a percentage from 0 to 100")),
    (re.compile(r"LOG_LEVEL"), _shape(re.compile("DEBUG|INFO|WARNING|ERROR"), "DEBUG, INFO, WARNING or ERROR")),
    (re.compile(r"LAB_ENGINE"), _shape(re.compile("|compose|native"), "`compose`, `native` or nothing")),
    (re.compile(r"LOG_MAX_BYTES"), _whole(10_000, 10**9, "bytes from 10000 to 1000000000")),
    (re.compile(r"BASELINE_USERS|MODEL_SEED"), _whole(0, 10_000, "0 to 10000")),
    (re.compile(r"LOG_BACKUPS|MAX_BUSINESS_LABELS"), _whole(1, 10_000, "1 to 10000")),
    (re.compile(r"CONVERSATION_HOURS"), _number(0.01, 10_000, "hours")),
    (re.compile(r"MODEL_FIRST_TOKEN_SECONDS"), _number(0, 60, "seconds from 0 to 60")),
    (re.compile(r"CHAT_BUDGET_SECONDS"), _number(0.1, 120, "seconds from 0.1 to 120")),
    (
        re.compile(r"ESCALATE_SECONDS|WATCHDOG_SILENCE_SECONDS|REMEDIATION_(AFTER|EVERY)_SECONDS"),
        _whole(1, 86_400, "whole seconds from 1 to 86400"),
    ),
    (re.compile(r"REMEDIATION"), _shape(re.compile("on|off|dry-run"), "on, off or dry-run")),
    (re.compile(r"MODEL_TOKENS_PER_SECOND"), _number(0, 1_000_000, "tokens per second, 0 or more")),
)


def read(path: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Values of `path`, each overridden by the same key of `environment` (default: the process's own), checked.

    Raises:
        LabError: the file cannot be read, or lines are not plain, doubled or out of range; all bad lines are named.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, str] = {}
    where: dict[str, int] = {}
    faults: list[str] = []
    # Compose ends lines at these two only; Python's splitlines knows eight more.
    for number, raw in enumerate(_text(path).replace("\r\n", "\n").split("\n"), start=1):
        line = raw.strip(" \t")
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if not found:
            faults.append(f"line {number}: {_not_a_setting(line)}")
        elif found["key"] in _ELSEWHERE:
            faults.append(f"line {number}: {found['key']} {_ELSEWHERE[found['key']]}")
        elif fault := _plain(found["value"]):
            faults.append(f"line {number}: {found['key']} {fault}")
        elif found["key"] in values:
            faults.append(f"line {number}: {found['key']} is already on line {where[found['key']]}")
        else:
            values[found["key"]] = found["value"]
            where[found["key"]] = number
    for key, number in where.items():
        place = f"line {number}"
        if key in environment:
            values[key] = environment[key]
            place = f"line {number} (overridden in the shell)"
        if not values[key].isprintable():
            faults.append(f"{place}: {key} holds a line break, a tab or another character that cannot be printed")
        elif fault := check(key, values[key]):
            faults.append(f"{place}: {key} {fault}, not `{values[key]}`")
    faults += _doubled_ports(values, where)
    if faults:
        raise LabError(f"{path} cannot be used:\n  " + "\n  ".join(faults), "Fix the lines named above.", 2)
    return values


def _text(path: Path) -> str:
    try:
        # Windows editors begin the file with a mark that Compose skips too.
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise LabError(f"{path} is missing.", "Restore it with `git checkout -- .env`.", 2) from error
    except OSError as error:
        raise LabError(
            f"{path} cannot be read ({error.strerror}).", "It must be a file that you can read.", 2
        ) from error
    except UnicodeDecodeError as error:
        raise LabError(f"{path} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8.", 2) from error


def _not_a_setting(line: str) -> str:
    # What follows may be a key of a provider: it is not shown.
    start, end = re.findall(r"^([^=:]{0,40})([=:]?)", line)[0]
    shown = "".join(sign if sign.isprintable() else "?" for sign in start) + (end and f"{end}...")
    return f"`{shown}` is not KEY=value (a key has A-Z, 0-9 and `_`; no `export`, no blanks around `=`)"


def check(key: str, value: str) -> str | None:
    """What is wrong with `value` for `key`, or None."""
    for pattern, rule in _RULES:
        if pattern.fullmatch(key):
            return rule(value)
    return None


def _plain(value: str) -> str | None:
    if re.search(r"""["'`$\\]|\s|#""", value):
        return (
            "has quotes, blanks, `$`, `#` or a backslash, which engines read differently: leave them out, "
            "put a comment on a line of its own, or set the value in the shell"
        )
    if not value.isprintable():
        return "has an invisible character: type the value again"
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
