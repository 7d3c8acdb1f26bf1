"""Reads docker-compose.yml, which describes the lab, for native mode and the tests."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError

# The forms of Compose that the lab's file needs; any other dollar is an error, so that both engines read it alike.
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Z_][A-Z0-9_]*)(?:(?P<kind>:?[-?])(?P<rest>[^${}]*))?\})?")
# Settings that only the lab command reads.
LAB_ONLY = frozenset({"LAB_ENGINE", "GRAFANA_BUILD", "PROGRAM_ARCHIVES", "PROGRAM_DOWNLOADS", "PROGRAM_MIRROR"})


@dataclass(frozen=True)
class Mount:
    """A volume of a service. `source` is a folder of the checkout (`bind`) or the name of a volume."""

    source: str
    target: str
    bind: bool


@dataclass(frozen=True)
class Service:
    """A service of docker-compose.yml, with the values of its variables.

    Attributes:
        ports: host port by container port, published ones and those of `x-native`.
        native: the `x-native` mapping: what native mode cannot derive.
    """

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ports: Mapping[int, int]
    mounts: tuple[Mount, ...]
    stop_seconds: float
    native: Mapping[str, Any]
    raw: Mapping[str, Any]

    @property
    def program(self) -> str:
        """Name of the program that native mode runs for it."""
        return str(self.native["program"])

    @property
    def version(self) -> str:
        """Version of its image, without a leading `v`."""
        return self.image.rpartition(":")[2].removeprefix("v")

    def mounted_files(self, root: Path) -> Iterator[tuple[Mount, Path]]:
        """Yield the files of the checkout `root` that the service reads, each with its mount."""
        for mount in self.mounts:
            for file in sorted((root / mount.source).rglob("*")) if mount.bind else ():
                if file.is_file() and "__pycache__" not in file.parts:
                    yield mount, file

    @property
    def runs_natively(self) -> bool:
        """Whether native mode starts a process for it (the database and the one-shot have none)."""
        return not self.native.get("skip", False)


def load(path: Path, values: Mapping[str, str]) -> dict[str, Service]:
    """Return the services of the compose file by name, in file order.

    Raises:
        LabError: it is not YAML, has a form that native mode cannot read, or a variable has no value.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise LabError(f"{path} is not YAML: {error}", f"Fix it, or `git checkout -- {path.name}`.", 2) from error
    filled = _fill(document, values)
    try:
        return {name: _service(name, raw) for name, raw in filled["services"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LabError(
            f"{path} has a form that the lab does not read ({type(error).__name__}: {error}).",
            f"Write lists as lists, ports as address:port:port. `git diff {path.name}`.",
            2,
        ) from error


def check_names(path: Path, values: Mapping[str, str]) -> None:
    """Check that each setting of the compose file exists; unused settings are allowed.

    Raises:
        LabError: a setting is missing (Compose would read it as empty) or misspelt.
    """
    asked = list(_VARIABLE.finditer(path.read_text(encoding="utf-8")))
    known = {found["name"] for found in asked if found["name"]} | LAB_ONLY
    needed = {found["name"] for found in asked if found["name"] and not found["kind"]}
    strangers = values.keys() - known
    faults = []
    for name in sorted(known - values.keys()):
        alike = difflib.get_close_matches(name, strangers, n=1, cutoff=0.8)
        if alike:
            faults.append(f"{name} is missing, but there is an unused {alike[0]}: a typo?")
        elif name in needed:
            faults.append(f"{name} is missing")
    if faults:
        raise LabError(
            "Settings are missing in .env:\n  " + "\n  ".join(faults),
            "Restore the lines; `git show HEAD:.env` shows the defaults.",
            2,
        )


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with values for `${NAME}`, `${NAME-default}`, `${NAME:-default}`, `${NAME?message}` and `$$`.

    Raises:
        LabError: a variable has no value and no default, or a dollar has another form.
    """

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        name, kind = found["name"], found["kind"] or ""
        if name is None:
            raise LabError(
                f"docker-compose.yml: the lab cannot read the `$` in `{text[:60]}`.",
                "Write ${NAME} or ${NAME:-default} for a setting, $$ for a dollar.",
                2,
            )
        # With a colon an empty value counts as none.
        if values.get(name) or (name in values and not kind.startswith(":")):
            return values[name]
        if kind.endswith("-"):
            return found["rest"]
        raise LabError(f"{name} has no value.", f"Add a line {name}=... to .env.", 2)

    return _VARIABLE.sub(value, text)


def _fill(node: Any, values: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return interpolate(node, values)
    if isinstance(node, list):
        return [_fill(item, values) for item in node]
    if isinstance(node, dict):
        return {key: _fill(item, values) for key, item in node.items()}
    return node


def _service(name: str, raw: Mapping[str, Any]) -> Service:
    native = raw.get("x-native", {})
    ports = {int(inner): int(outer) for inner, outer in native.get("ports", {}).items()}
    for published in raw.get("ports", ()):
        _, outer, inner = str(published).split(":")
        ports[int(inner)] = int(outer)
    command = raw.get("command", ())
    if isinstance(command, str):
        raise LabError(f"docker-compose.yml: `command` of {name} is a string.", "Write it as a list.", 2)
    return Service(
        name=name,
        image=raw.get("image", ""),
        command=tuple(str(part) for part in command),
        environment={key: _text(item) for key, item in (raw.get("environment") or {}).items()},
        ports=ports,
        mounts=tuple(_mount(str(item)) for item in raw.get("volumes", ())),
        stop_seconds=float(str(raw.get("stop_grace_period", "10s")).removesuffix("s")),
        native=native,
        raw=raw,
    )


def _mount(text: str) -> Mount:
    source, target = text.split(":")[:2]
    bind = source.startswith((".", "/"))
    return Mount(source, target, bind)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
