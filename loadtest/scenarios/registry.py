"""Finds the scenarios: every module in `loadtest/scenarios/catalogue`."""

import difflib
import importlib
import inspect
import pkgutil
import traceback
from dataclasses import dataclass
from pathlib import Path

from loadtest.scenarios import catalogue
from loadtest.scenarios.declaration import Scenario, problem


@dataclass(frozen=True)
class Broken:
    """A scenario file that cannot be used: its name, line and the reason."""

    file: str
    line: int
    reason: str


class UnknownScenarioError(LookupError):
    """There is no scenario of that name; `nearest` is a similar name, or None."""

    def __init__(self, name: str, nearest: str | None) -> None:
        super().__init__(f"There is no scenario `{name}`.")
        self.nearest = nearest


def find() -> tuple[dict[str, type[Scenario]], list[Broken]]:
    """Return all scenarios by name, and the files that cannot be used."""
    found: dict[str, type[Scenario]] = {}
    broken: list[Broken] = []
    modules = pkgutil.walk_packages(catalogue.__path__, f"{catalogue.__name__}.")
    for module in sorted((one for one in modules if not one.ispkg), key=lambda one: one.name):
        try:
            loaded = importlib.import_module(module.name)
        except Exception as error:  # any error of one file; the others still load
            broken.append(_broken(module.name, error))
            continue
        for value in vars(loaded).values():
            if not (inspect.isclass(value) and issubclass(value, Scenario) and value.__module__ == loaded.__name__):
                continue
            reason = problem(value)
            if reason is None and (other := found.get(value.name)):
                reason = f"the name `{value.name}` is taken by {other.__module__.rpartition('.')[2]}.py"
            if reason:
                broken.append(Broken(_file(module.name), inspect.getsourcelines(value)[1], reason))
            else:
                found[value.name] = value
    return dict(sorted(found.items())), broken


def get(name: str) -> type[Scenario]:
    """Return the scenario of that name.

    Raises:
        UnknownScenarioError: there is none; the error has the nearest name.
    """
    found, _ = find()
    if name in found:
        return found[name]
    nearest = difflib.get_close_matches(name, found, n=1, cutoff=0.4)
    raise UnknownScenarioError(name, nearest[0] if nearest else None)


def _file(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _broken(name: str, error: Exception) -> Broken:
    file = _file(name)
    if isinstance(error, SyntaxError):
        return Broken(file, error.lineno or 0, error.msg)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(Path(file).name)]
    return Broken(file, (own[-1].lineno or 0) if own else 0, f"{type(error).__name__}: {error}")
