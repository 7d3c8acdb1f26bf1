"""Settings of a lab: `.env`, its state folder, the URL of each server."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import compose_file, envfile, proxies
from lab.errors import LabError
from lab.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent

_NAMES = ("assistant", "model", "pager", "loadtest", "grafana", "prometheus", "alertmanager", "loki", "tempo")
# Setting of the port that users and the lab command use, by service.
_FRONT_PORTS = {name: f"{name.upper()}_PORT" for name in _NAMES} | {"collector": "COLLECTOR_HEALTH_PORT"}


@dataclass(frozen=True)
class LabSettings:
    """One lab: its checkout, its state folder and the values of its `.env`.

    Attributes:
        root: the checkout, with docker-compose.yml.
        home: state folder: LAB_HOME, or `.lab` in the checkout.
        values: `.env` with the overrides of the shell.
        overridden: keys of `.env` that have another value in the shell; those of a running lab are in its state.
    """

    root: Path
    home: Path
    values: Mapping[str, str] = field(repr=False)
    overridden: tuple[str, ...] = ()

    @classmethod
    def load(cls, environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> "LabSettings":
        """Return the settings of `.env` and the shell.

        Raises:
            LabError: `.env` has invalid lines, or settings are missing; the message names each.
        """
        home = home_folder(environment, root)
        shell = proxies.with_no_proxy(environment)
        values = envfile.read(root / ".env", shell)
        if project := environment.get("COMPOSE_PROJECT_NAME"):
            # `lab down` in another shell must find the same containers.
            values["COMPOSE_PROJECT_NAME"] = project
        compose_file.check_names(root / "docker-compose.yml", values)
        return cls(root, home, values, tuple(envfile.overridden(root / ".env", shell)))

    @classmethod
    def running(cls, environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> "LabSettings":
        """Return the settings of the running lab; those of `.env` if none runs."""
        home = home_folder(environment, root)
        state = read_state(home)
        if state is None:
            return cls.load(environment, root)
        try:
            # An update of the checkout may add settings after the start.
            newer = envfile.read(root / ".env", {})
        except LabError:
            newer = {}
        return cls(root, home, {**newer, **state.values})

    def url(self, service: str) -> str:
        """Return the base URL of a service on this machine, without a final slash.

        Raises:
            LabError: there is no such service.
        """
        if service not in _FRONT_PORTS:
            raise LabError(f"There is no service `{service}`.", f"Services: {', '.join(_FRONT_PORTS)}.", 2)
        return f"http://127.0.0.1:{self.values[_FRONT_PORTS[service]]}"

    def services(self) -> dict[str, compose_file.Service]:
        """Return the services of docker-compose.yml by name.

        Raises:
            LabError: the file is invalid.
        """
        return compose_file.load(self.root / "docker-compose.yml", self.values)

    def ports(self) -> dict[str, int]:
        """Return each port by the name of its setting."""
        return {key: int(value) for key, value in self.values.items() if key.endswith("_PORT")}

    @property
    def state_file(self) -> Path:
        """File with the state of the running lab."""
        return self.home / "state.json"

    @property
    def native(self) -> Path:
        """Run folder of native mode: derived configuration, data, logs."""
        return self.home / "native"

    def volume(self, name: str) -> Path:
        """Return native mode's folder for a named volume of docker-compose.yml."""
        return self.native / "data" / name

    def engine(self) -> str | None:
        """Return the name of the engine that runs the lab, or None."""
        state = read_state(self.home)
        return state.engine if state else None


def home_folder(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> Path:
    """Return the state folder: LAB_HOME, or `.lab` in the checkout."""
    return Path(environment.get("LAB_HOME") or root / ".lab").absolute()


@dataclass(frozen=True)
class State:
    """State of a running lab: engine, start time (Unix seconds), settings, missing services with the reason."""

    engine: str
    started_at: float
    values: dict[str, str] = field(repr=False)
    missing: dict[str, str]

    def write(self, settings: LabSettings) -> None:
        """Replace the state file; only its owner may read it, because a setting may be a URL with a password."""
        settings.home.mkdir(parents=True, exist_ok=True)
        write_atomically(settings.state_file, json.dumps(self.__dict__, indent=1), mode=0o600)


def read_state(home: Path) -> State | None:
    """Return the state of the lab in `home`, or None if none runs."""
    try:
        return State(**json.loads((home / "state.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
