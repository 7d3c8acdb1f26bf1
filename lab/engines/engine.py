"""Interface of both engines, and what they report about the services."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from lab.errors import LabError
from lab.progress import Board
from lab.settings import LabSettings, State, read_state


@dataclass(frozen=True)
class ServiceStatus:
    """One row of `lab status`.

    Attributes:
        state: `running`, `starting`, `done` (a one-shot that has ended), `stopped`, `failed` or `missing`.
        source: origin of its program (image, PATH, cache, checkout), or why it is missing.
        memory: resident bytes, None when unknown.
        uptime: seconds since its start, None when it does not run.
    """

    name: str
    state: str
    version: str
    source: str
    url: str | None
    memory: int | None = None
    uptime: float | None = None


@dataclass(frozen=True)
class Diagnosis:
    """A known problem of a service.

    Attributes:
        text: the cause, in one sentence.
        remedy: one command.
        fatal: the service does not work because of it; else it is a warning.
    """

    service: str
    text: str
    remedy: str
    fatal: bool = True


def start_failure(failed: Mapping[str, str]) -> LabError:
    """Return the error for services that did not start, given as reason by name."""
    return LabError(
        "Some services did not start:\n" + "\n".join(f"  {name}: {why}" for name, why in failed.items()),
        "The other services run. `lab check` checks the configuration, `lab logs NAME` shows the output of a service, "
        "`make down` stops all.",
    )


def answers(url: str) -> bool:
    """Return whether GET `url` returns 200 within two seconds."""
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


class Engine(ABC):
    """An engine of a lab. Names are service names of docker-compose.yml; none means all."""

    name: str

    def __init__(self, settings: LabSettings) -> None:
        self.settings = settings
        self.services = settings.services()

    @abstractmethod
    def up(self, board: Board) -> dict[str, str]:
        """Start what does not run; return the reason by name of a service that cannot run here.

        Raises:
            LabError: a service did not become ready.
        """

    @abstractmethod
    def down(self, board: Board) -> None:
        """Stop everything, keep the data."""

    @abstractmethod
    def clean(self, board: Board) -> None:
        """Delete the data of a lab that does not run."""

    @abstractmethod
    def restart(self, names: Sequence[str], board: Board) -> None:
        """Stop and start services with the current settings."""

    @abstractmethod
    def stop(self, names: Sequence[str]) -> None:
        """Stop services, without those that depend on them; a stopped service is not an error.

        Raises:
            LabError: there is no such service on this engine, or its program is missing.
        """

    @abstractmethod
    def start(self, names: Sequence[str]) -> None:
        """Start stopped services with their last settings and wait until each is ready.

        Raises:
            LabError: one does not become ready.
        """

    @abstractmethod
    def reload(self) -> list[tuple[str, str]]:
        """Reload the files of running servers; return those that need a restart as (service, file)."""

    @abstractmethod
    def store_secret(self, name: str, value: str) -> None:
        """Store a secret that services read when they start; an empty value deletes it.

        Raises:
            LabError: it cannot be written.
        """

    @abstractmethod
    def read_secret(self, name: str) -> str:
        """Return a secret of the running lab, such as `admin_token`.

        Raises:
            LabError: there is none, or it cannot be read.
        """

    @abstractmethod
    def status(self) -> list[ServiceStatus]:
        """Return one row per service."""

    @abstractmethod
    def diagnoses(self) -> list[Diagnosis]:
        """Return the known problems of services, each with its cause."""

    @abstractmethod
    def logs(self, names: Sequence[str], lines: int, follow: bool) -> None:
        """Print the standard output of services."""

    def _require_known(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.services:
                raise LabError(f"There is no service `{name}`.", f"Services: {', '.join(self.services)}.", 2)

    def _record_state(self, missing: Mapping[str, str], *, first: bool = False) -> None:
        """Write the state file; `first`: the lab starts now, whatever an older file says."""
        previous = None if first else read_state(self.settings.home)
        started_at = previous.started_at if previous else time.time()
        State(self.name, started_at, dict(self.settings.values), dict(missing)).write(self.settings)

    def _settle(
        self, deadlines: dict[str, float], fault_of: Callable[[str, bool], str | None], board: Board
    ) -> dict[str, str]:
        """Remove from `deadlines` the services that are ready or have failed.

        Args:
            deadlines: monotonic time by name of a service that starts.
            fault_of: returns None while a service starts, an empty text once it is ready, else why it failed; called
                with its name and whether its deadline has passed.
            board: shows both.

        Returns:
            Reason by name of a failed service.
        """
        failed = {}
        for name, deadline in list(deadlines.items()):
            fault = fault_of(name, time.monotonic() > deadline)
            if fault is None:
                continue
            del deadlines[name]
            if fault:
                failed[name] = fault
                board.failed(name, fault)
            else:
                board.done(name, self._ready_text(name))
        return failed

    @abstractmethod
    def _ready_text(self, name: str) -> str: ...
