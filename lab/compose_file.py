"""docker-compose.yml as data: the one description of the lab, read by native mode and by the tests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError

_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Z_][A-Z0-9_]*)(?::?(?P<kind>[-?])(?P<rest>[^}]*))?\})")


@dataclass(frozen=True)
class Mount:
    """A volume of a service. `source` is a folder of the checkout (`bind`) or the name of a volume."""

    source: str
    target: str
    bind: bool


@dataclass(frozen=True)
class Service:
    """One service of docker-compose.yml with all variables filled in.

    Attributes:
        ports: host port by container port, published ones and those of `x-native`.
        native: the `x-native` mapping, what native mode cannot derive.
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
    def runs_natively(self) -> bool:
        """Whether native mode starts a process for it (the database and the one-shot have none)."""
        return not self.native.get("skip", False)


def load(path: Path, values: Mapping[str, str]) -> dict[str, Service]:
    """Services of the compose file by name, in file order.

    Raises:
        LabError: not YAML, or a variable has no value.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise LabError(f"{path} is not YAML: {error}", f"Mend it, or `git checkout -- {path.name}`.", 2) from error
    filled = _fill(document, values)
    return {name: _service(name, raw) for name, raw in filled["services"].items()}


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Compose's `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`.

    Raises:
        LabError: a variable without value and without default.
    """

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        given = values.get(found["name"], "")
        if given or (found["kind"] is None and found["name"] in values):
            return given
        if found["kind"] == "-":
            return found["rest"]
        raise LabError(f"{found['name']} has no value.", f"Add a line {found['name']}=... to .env.", 2)

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
