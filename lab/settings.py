"""Where the lab's files and addresses are: `.env`, the state folder, the URL of each server."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import compose_file, envfile
from lab.errors import LabError

ROOT = Path(__file__).resolve().parent.parent

# The port that people and the lab command use, by service. Everything else is derived from docker-compose.yml.
_FRONT_PORTS = {
    "assistant": "ASSISTANT_PORT",
    "model": "MODEL_PORT",
    "pager": "PAGER_PORT",
    "loadtest": "LOADTEST_PORT",
    "grafana": "GRAFANA_PORT",
    "prometheus": "PROMETHEUS_PORT",
    "alertmanager": "ALERTMANAGER_PORT",
    "loki": "LOKI_PORT",
    "tempo": "TEMPO_PORT",
    "collector": "COLLECTOR_HEALTH_PORT",
}


@dataclass(frozen=True)
class LabSettings:
    """One lab: the checkout it comes from, its state folder and the values of its `.env`.

    Attributes:
        root: the checkout (docker-compose.yml stands here).
        home: state folder, `.lab` in the checkout unless LAB_HOME says otherwise.
        values: `.env` with the shell's overrides, all strings.
    """

    root: Path
    home: Path
    values: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, root: Path = ROOT) -> "LabSettings":
        """Read `.env` and the shell.

        Raises:
            LabError: `.env` is broken or lacks settings; each bad line and each missing setting is named.
        """
        environment = os.environ if environment is None else environment
        home = home_folder(environment, root)
        values = envfile.read(root / ".env", environment)
        if project := environment.get("COMPOSE_PROJECT_NAME"):
            # Remembered with the rest: `lab down` in another shell must find the same containers.
            values["COMPOSE_PROJECT_NAME"] = project
        compose_file.check_names(root / "docker-compose.yml", values)
        return cls(root, home, values)

    @classmethod
    def running(cls, environment: Mapping[str, str] | None = None, root: Path = ROOT) -> "LabSettings":
        """The settings that the running lab was started with; those of `.env` where none runs."""
        environment = os.environ if environment is None else environment
        home = home_folder(environment, root)
        state = read_state(home)
        if state is None:
            return cls.load(environment, root)
        try:
            # What came with an update of the checkout, after the lab was started.
            newer = envfile.read(root / ".env", {})
        except LabError:
            newer = {}
        return cls(root, home, {**newer, **state.values})

    def url(self, service: str) -> str:
        """Base URL of a service on this machine, without a slash at the end."""
        try:
            return f"http://127.0.0.1:{self.values[_FRONT_PORTS[service]]}"
        except KeyError as error:
            raise LabError(f"There is no service `{service}`.", f"Services: {', '.join(_FRONT_PORTS)}.", 2) from error

    def ports(self) -> dict[str, int]:
        """Every port setting by its name in `.env`."""
        return {key: int(value) for key, value in self.values.items() if key.endswith("_PORT")}

    @property
    def state_file(self) -> Path:
        """What the last `lab up` wrote about itself."""
        return self.home / "state.json"

    @property
    def native(self) -> Path:
        """Run folder of native mode: derived configuration, data, logs."""
        return self.home / "native"

    def volume(self, name: str) -> Path:
        """Native mode's folder for a named volume of docker-compose.yml."""
        return self.native / "data" / name

    def engine(self) -> str | None:
        """Name of the engine that the lab runs on now, or None."""
        state = read_state(self.home)
        return state.engine if state else None

    def secret(self, name: str) -> str:
        """A generated secret of the running lab, such as `admin_token`.

        Raises:
            LabError: the lab was not started yet, so there is none.
        """
        if self.engine() == "compose":
            from lab.engines import compose  # noqa: PLC0415 - settings know no engine, but for this one question

            return compose.read_secret(self, name)
        try:
            return (self.volume("secrets") / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise LabError(f"The lab has no secret `{name}` yet.", "Start the lab with `make up`.") from error


def home_folder(environment: Mapping[str, str] | None = None, root: Path = ROOT) -> Path:
    """The lab's state folder: LAB_HOME, or `.lab` in the checkout."""
    environment = os.environ if environment is None else environment
    return Path(environment.get("LAB_HOME") or root / ".lab").absolute()


@dataclass(frozen=True)
class State:
    """What `lab up` wrote: engine, time of start (Unix seconds), and the values it used."""

    engine: str
    started_at: float
    values: dict[str, str]
    missing: dict[str, str]

    def write(self, settings: LabSettings) -> None:
        """Replace the state file in one step, so that a reader never sees half of it."""
        settings.home.mkdir(parents=True, exist_ok=True)
        new = settings.state_file.with_suffix(".new")
        new.write_text(json.dumps(self.__dict__, indent=1), encoding="utf-8")
        new.replace(settings.state_file)


def read_state(home: Path) -> State | None:
    """State of the lab in `home`, or None where none was started."""
    try:
        return State(**json.loads((home / "state.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
