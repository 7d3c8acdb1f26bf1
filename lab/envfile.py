"""Reads `.env` the way Docker Compose does, for the plain lines that both engines read alike.

Compose has quotes, escapes and `$` expansion. Two implementations of such rules would differ, so the lab's file has
plain `KEY=value` lines only; any other line is an error.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.errors import LabError

# What users put here by habit, and what to do instead.
_ELSEWHERE = {
    "MODEL_API_KEY": "is not read from here, where it would be shown and kept in many places: take the line out, and "
    "give the key with `lab key`"
}
_LINE = re.compile(r"(?P<key>[A-Z][A-Z0-9_]*)=(?P<value>.*)")
_UNIT_BYTES = {"k": 2**10, "m": 2**20, "g": 2**30}
_LEAST_BYTES = 6 * 2**20
# Python would also accept 1_000, 1e3, nan and the digits of other scripts; the servers would not.
_DECIMAL = r"[0-9]+(\.[0-9]+)?"
# Ten digits are enough for all, and a leading zero would hide that two values are the same.
_WHOLE = r"0|[1-9][0-9]{0,9}"
# What Prometheus and Loki accept, and what Go's own durations accept (no days).
_DAYS = r"(?=[1-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?"
_HOURS = r"(?=[1-9])([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?"

# A name in an HTTP header (RFC 9110, token), without the characters that are not plain.
_HEADER_NAME = r"[A-Za-z0-9!%&*+.^_|~-]+"
# A name, with a dot in front for its subdomains, or an address; a port is ignored.
_HOST = r"(\.?[A-Za-z0-9_-][A-Za-z0-9._-]*(:[0-9]*)?|\[[0-9A-Fa-f:.]+\](:[0-9]*)?)"


def _number(low: float, high: float, digits: str = _DECIMAL) -> Callable[[str], bool]:
    return lambda value: bool(re.fullmatch(digits, value)) and low <= float(value) <= high


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda value: bool(re.fullmatch(pattern, value))


def _is_memory(value: str) -> bool:
    return bool(re.fullmatch(r"[1-9][0-9]*[kmg]", value)) and int(value[:-1]) * _UNIT_BYTES[value[-1]] >= _LEAST_BYTES


# Pattern of keys, test of a value, what is needed. The first match decides; other keys may have any plain text.
_RULES: tuple[tuple[str, Callable[[str], bool], str], ...] = (
    (r".*_PORT", _number(1, 65535, _WHOLE), "a port from 1 to 65535"),
    (r".*_VERSION", _matches(r"[0-9]+\.[0-9]+(\.[0-9]+)?"), "a version such as 3.14.0 (never `latest`)"),
    (r"GRAFANA_BUILD", _matches(r"\d*"), "the number in the names of that version's files, or nothing"),
    (r"PROGRAM_MIRROR", _matches(r"(https?://[^/?]+(/[^?]*)?)?"), "a URL such as https://mirror.example/lab"),
    (r"PROGRAM_DOWNLOADS", _matches("true|false"), "true or false"),
    (r".*_MEMORY|DATA_LIMIT", _is_memory, "an amount such as 512m, 6m at least"),
    (r"TEMPO_RETENTION", _matches(_HOURS), "a duration in hours and minutes such as 72h"),
    (r"TRACE_DECISION_WAIT", _matches(_HOURS), "a duration such as 5s"),
    (r".*_RETENTION", _matches(_DAYS), "a duration such as 72h or 3d"),
    (r"TRACE_SAMPLE_RATIO", _number(0, 1), "a share from 0 to 1"),
    (r"TRACE_KEEP_PERCENT", _number(0, 100), "a percentage from 0 to 100"),
    (r"LOG_LEVEL", _matches("DEBUG|INFO|WARNING|ERROR"), "DEBUG, INFO, WARNING or ERROR"),
    (r"LAB_ENGINE", _matches("|compose|native"), "`compose`, `native` or nothing"),
    (r"LOG_MAX_BYTES", _number(10_000, 10**9, _WHOLE), "bytes from 10000 to 1000000000"),
    (r"BASELINE_USERS|MODEL_SEED", _number(0, 10_000, _WHOLE), "0 to 10000"),
    (r"LOG_BACKUPS|MAX_BUSINESS_LABELS", _number(1, 10_000, _WHOLE), "1 to 10000"),
    (r"CONVERSATION_HOURS", _number(0.01, 10_000), "hours"),
    (r"MODEL_FIRST_TOKEN_SECONDS", _number(0, 60), "seconds from 0 to 60"),
    (r"CHAT_BUDGET_SECONDS", _number(0.1, 120), "seconds from 0.1 to 120"),
    (
        r"ESCALATE_SECONDS|WATCHDOG_SILENCE_SECONDS|REMEDIATION_(AFTER|EVERY)_SECONDS",
        _number(1, 86_400, _WHOLE),
        "whole seconds from 1 to 86400",
    ),
    (
        r"TRUSTED_HOSTS",
        _matches(rf"({_HOST}(,{_HOST})*)?"),
        "names or addresses separated by commas such as lab.example,192.168.1.20, or nothing",
    ),
    (
        r"BAGGAGE_KEYS",
        _matches(rf"({_HEADER_NAME}(,{_HEADER_NAME})*)?"),
        "names separated by commas such as tenant,region, or nothing",
    ),
    (r"REMEDIATION", _matches("on|off|dry-run"), "on, off or dry-run"),
    (r"MODEL_TOKENS_PER_SECOND", _number(0, 1_000_000), "tokens per second, 0 or more"),
)


def read(path: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the valid values of `path`, each overridden by the same key of `environment`.

    Raises:
        LabError: the file cannot be read, or lines are not plain, doubled or invalid; all of these are named.
    """
    values, where, faults = _parse(path)
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


def overridden(path: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the keys of `path` that have another value in `environment`, in the order of the file.

    Raises:
        LabError: the file cannot be read.
    """
    values, _, _ = _parse(path)
    return [key for key, value in values.items() if environment.get(key, value) != value]


def _parse(path: Path) -> tuple[dict[str, str], dict[str, int], list[str]]:
    """Return the plain lines of a file: value and line number by key, and what is wrong with the other lines."""
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
    return values, where, faults


def _text(path: Path) -> str:
    try:
        # Windows editors begin the file with a byte order mark, which Compose skips too.
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
    # The rest may be a key of a provider: it is not shown.
    start, end = re.findall(r"^([^=:]{0,40})([=:]?)", line)[0]
    shown = "".join(sign if sign.isprintable() else "?" for sign in start) + (end and f"{end}...")
    return f"`{shown}` is not KEY=value (a key has A-Z, 0-9 and `_`; no `export`, no blanks around `=`)"


def check(key: str, value: str) -> str | None:
    """Return what is wrong with `value` for `key`, or None."""
    for pattern, is_valid, needed in _RULES:
        if re.fullmatch(pattern, key):
            return None if is_valid(value) else f"needs {needed}"
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
