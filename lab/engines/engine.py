"""What an engine does, and what it reports about the services."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lab.errors import LabError
from lab.progress import Board


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


class Engine(Protocol):
    """Interface of both engines. Names are service names of docker-compose.yml; none means all."""

    name: str

    def up(self, board: Board) -> dict[str, str]:
        """Start what does not run; return the services that cannot run here, as reason by name.

        Raises:
            LabError: a service did not become ready.
        """
        ...

    def down(self, board: Board) -> None:
        """Stop everything, keep the data."""
        ...

    def clean(self, board: Board) -> None:
        """Delete the data of a lab that does not run."""
        ...

    def restart(self, names: Iterable[str], board: Board) -> None:
        """Stop and start services with the current settings."""
        ...

    def stop(self, names: Iterable[str]) -> None:
        """Stop services, without those that depend on them; a stopped service is not an error.

        Raises:
            LabError: there is no such service on this engine, or its program is missing.
        """
        ...

    def start(self, names: Iterable[str]) -> None:
        """Start stopped services with their last settings and wait until each is ready.

        Raises:
            LabError: one does not become ready.
        """
        ...

    def reload(self) -> list[tuple[str, str]]:
        """Reload the files of running servers; return those that need a restart as (service, file)."""
        ...

    def store_secret(self, name: str, value: str) -> None:
        """Store a secret that services read when they start; an empty value deletes it.

        Raises:
            LabError: it cannot be written.
        """
        ...

    def read_secret(self, name: str) -> str:
        """Return a secret of the running lab, such as `admin_token`.

        Raises:
            LabError: there is none, or it cannot be read.
        """
        ...

    def status(self) -> list[ServiceStatus]:
        """Return one row per service."""
        ...

    def diagnoses(self) -> list[Diagnosis]:
        """Return the known problems of services, each with its cause."""
        ...

    def logs(self, names: Iterable[str], lines: int, follow: bool) -> None:
        """Print the standard output of services."""
        ...
