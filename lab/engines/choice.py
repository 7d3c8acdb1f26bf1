"""Chooses the engine of a lab, and connects to its servers."""

from dataclasses import dataclass

from lab.engines.compose import ComposeEngine
from lab.engines.engine import Engine
from lab.engines.native.engine import NativeEngine
from lab.engines.probe import probe
from lab.errors import LabError
from lab.query import Endpoints, Lab
from lab.settings import LabSettings


@dataclass(frozen=True)
class Choice:
    """The engine of this lab, and the reason."""

    engine: Engine
    reason: str


def choose(settings: LabSettings) -> Choice:
    """Return the engine for this machine.

    The order is: LAB_ENGINE, the engine that runs the lab, compose if a container engine answers, native.

    Raises:
        LabError: LAB_ENGINE requests compose, and it cannot be used here.
    """
    requested, why = requested_engine(settings)
    if requested == "native":
        return Choice(NativeEngine(settings), why)
    answer = probe()
    limits = "".join(f"; {text}" for text in (*(text for text, _ in answer.cautions), answer.doubt) if text)
    if requested == "compose":
        if answer.fault:
            raise LabError(f"Containers are requested ({why}), but {answer.fault}.", answer.remedy)
        return Choice(ComposeEngine(settings), why + limits)
    if answer.fault:
        return Choice(NativeEngine(settings), f"{answer.fault}; for containers: {answer.remedy}")
    if answer.doubt:
        return Choice(NativeEngine(settings), f"{answer.doubt}; to try it: LAB_ENGINE=compose make up")
    return Choice(ComposeEngine(settings), f"{answer.version} answers{limits}")


def requested_engine(settings: LabSettings) -> tuple[str | None, str]:
    """Return the requested engine (None: the machine decides) and the reason.

    Raises:
        LabError: LAB_ENGINE requests another engine than the one that runs the lab.
    """
    setting = settings.values.get("LAB_ENGINE") or None
    running = settings.engine()
    if running and setting and running != setting:
        raise LabError(
            f"The lab runs on the {running} engine, but LAB_ENGINE requests {setting}.",
            "Stop it first with `make down`, then `make up`.",
        )
    return setting or running, "LAB_ENGINE requests it" if setting else "the lab runs on it"


def current_engine(settings: LabSettings) -> Engine:
    """Return the engine that runs the lab, or native; unlike `choose` it does not probe Docker."""
    return ComposeEngine(settings) if settings.engine() == "compose" else NativeEngine(settings)


def connect(settings: LabSettings) -> Lab:
    """Return clients for the servers of a lab; without a running lab the admin token is empty.

    Raises:
        LabError: the settings are incomplete; the message names what is missing.
    """
    engine = current_engine(settings)
    try:
        token = engine.read_secret("admin_token")
    except LabError:
        token = ""
    return Lab(Endpoints.of(settings, token))
