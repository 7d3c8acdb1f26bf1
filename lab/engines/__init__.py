"""The two ways to run the lab. Both read docker-compose.yml; `choose` says which one and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lab.errors import LabError
from lab.progress import Board
from lab.settings import LabSettings


@dataclass(frozen=True)
class ServiceStatus:
    """One row of `lab status`.

    Attributes:
        state: `running`, `starting`, `done` (it had one thing to do), `stopped`, `failed` or `missing`.
        source: where its program comes from (image, PATH, cache, checkout), or why there is none.
        memory: resident bytes, None where unknown.
        uptime: seconds since its start, None where it does not run.
    """

    name: str
    state: str
    version: str
    source: str
    url: str | None
    memory: int | None = None
    uptime: float | None = None


@dataclass(frozen=True)
class Trouble:
    """What keeps a service from working, or may soon.

    Attributes:
        text: the cause, in one sentence.
        remedy: one command.
        grave: whether the service does not work for it.
    """

    service: str
    text: str
    remedy: str
    grave: bool = True


def not_all_up(failed: Mapping[str, str]) -> LabError:
    """Return what `up` says of services that did not come up, by name with the reason."""
    return LabError(
        "Not everything came up:\n" + "\n".join(f"  {name}: {why}" for name, why in failed.items()),
        "The rest of the lab runs; `lab check` looks for faults in its files, `lab logs NAME` shows what a service "
        "wrote, `make down` stops all.",
    )


class Engine(Protocol):
    """What an engine can do. Names are service names of docker-compose.yml; none means all."""

    name: str

    def up(self, board: Board) -> dict[str, str]:
        """Start what does not run; returns services that cannot run here, with the reason.

        Raises:
            LabError: something that runs here did not become ready.
        """
        ...

    def down(self, board: Board) -> None:
        """Stop everything, keep the data."""
        ...

    def clean(self, board: Board) -> None:
        """Delete the data of a lab that does not run."""
        ...

    def restart(self, names: Iterable[str], board: Board) -> None:
        """Stop and start, with the settings as they are now."""
        ...

    def stop(self, names: Iterable[str]) -> None:
        """Stop services and nothing else; those that stand still already are left alone.

        Raises:
            LabError: there is no such service on this engine, or its program is missing.
        """
        ...

    def start(self, names: Iterable[str]) -> None:
        """Start services as they were, and wait until each is ready; those that run are left alone.

        Raises:
            LabError: one does not become ready.
        """
        ...

    def reload(self) -> list[tuple[str, str]]:
        """Let the servers that run take the files of now; returns those read at a start only, as (service, file)."""
        ...

    def store_secret(self, name: str, value: str) -> None:
        """Keep a secret that the user gives; services read it at their start. An empty one is taken away.

        Raises:
            LabError: it cannot be written.
        """
        ...

    def status(self) -> list[ServiceStatus]:
        """One row a service."""
        ...

    def troubles(self) -> list[Trouble]:
        """What ails services, with the cause, as far as the engine can tell."""
        ...

    def logs(self, names: Iterable[str], lines: int, follow: bool) -> None:
        """Print what the services wrote to their standard output."""
        ...


@dataclass(frozen=True)
class Choice:
    """The engine that was picked, and the reason in words."""

    engine: Engine
    reason: str


def choose(settings: LabSettings) -> Choice:
    """The engine for this machine.

    LAB_ENGINE decides; else the engine that runs the lab already; else compose where a container engine answers;
    else native.

    Raises:
        LabError: compose was asked for and cannot be had.
    """
    from lab.engines.compose import ComposeEngine  # noqa: PLC0415 - both engines know this module
    from lab.engines.native.engine import NativeEngine  # noqa: PLC0415
    from lab.engines.probe import probe  # noqa: PLC0415

    wanted, why = wish(settings)
    if wanted == "native":
        return Choice(NativeEngine(settings), why)
    answer = probe()
    limits = "".join(f"; {text}" for text in (*(text for text, _ in answer.cautions), answer.doubt) if text)
    if wanted == "compose":
        if answer.fault:
            raise LabError(f"The lab is to run in containers ({why}), but {answer.fault}.", answer.remedy)
        return Choice(ComposeEngine(settings), why + limits)
    if answer.fault:
        return Choice(NativeEngine(settings), f"{answer.fault}; for containers: {answer.remedy}")
    if answer.doubt:
        return Choice(NativeEngine(settings), f"{answer.doubt}; to try it: LAB_ENGINE=compose make up")
    return Choice(ComposeEngine(settings), f"{answer.version} answers{limits}")


def wish(settings: LabSettings) -> tuple[str | None, str]:
    """The engine that is settled before the machine is looked at, and why; None where the machine decides.

    Raises:
        LabError: LAB_ENGINE asks for another engine than the one on which the lab runs.
    """
    asked = settings.values.get("LAB_ENGINE") or None
    running = settings.engine()
    if running and asked and running != asked:
        raise LabError(
            f"The lab runs on the {running} engine, and LAB_ENGINE asks for {asked}.",
            "Stop it first with `make down`, then `make up`.",
        )
    return asked or running, "LAB_ENGINE says so" if asked else "the lab runs on it already"
