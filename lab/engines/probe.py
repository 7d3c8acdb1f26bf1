"""Checks whether Docker Compose can be used on this machine; if not, why and which command fixes it."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lab.engines import docker, fix_commands

# Compose 2.24 is the first that reads all that docker-compose.yml uses.
OLDEST = (2, 24)
# The API of Docker Engine 20.10, the oldest on which the lab was seen to run.
OLDEST_API = (1, 41)
SECONDS = docker.SECONDS


@dataclass(frozen=True)
class Probe:
    """Whether compose can be used here.

    Attributes:
        version: of engine and Compose; empty if they cannot be used.
        fault: why they cannot, as a part of a sentence; empty if they can.
        remedy: the command that fixes the fault.
        cautions: limits that have no effect here, each with the command that changes it.
        doubt: why the lab uses this engine only on request; empty if it needs no request.
        installed: whether there is a `docker` program.
    """

    version: str = ""
    fault: str = ""
    remedy: str = ""
    cautions: tuple[tuple[str, str], ...] = ()
    doubt: str = ""
    installed: bool = True


class _FaultError(Exception):
    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(fault)
        self.probe = Probe(fault=fault, remedy=remedy)


def probe() -> Probe:
    """Check Docker, its Compose plugin and its engine; return their versions or the first fault."""
    if shutil.which("docker") is None:
        return Probe(
            fault="there is no `docker` program"
            + (" (the lab was never run with Podman's)" if shutil.which("podman") else ""),
            remedy=fix_commands.install_docker(),
            installed=False,
        )
    try:
        _refuse_emulation()
        address = _address()
        compose = _compose_version()
        engine = _engine(address)
        return Probe(
            version=f"{'Podman' if podman(engine) else 'Docker'} {engine['Version']} with Compose {compose}",
            cautions=_cautions(),
            doubt=_doubt(engine),
        )
    except _FaultError as error:
        return error.probe


def podman(engine: dict[str, Any]) -> str:
    """Return the version of the Podman that answers as a Docker engine; empty for Docker.

    Args:
        engine: the part `Server` of `docker version`.
    """
    parts = {part["Name"]: part["Version"] for part in engine.get("Components") or ()}
    return str(parts.get("Podman Engine", ""))


def _refuse_emulation() -> None:
    output = _run("docker", "--version").stdout
    if output.startswith("podman"):
        raise _FaultError(
            f"`docker` is Podman's emulation here ({output.strip()}), with which the lab was never run",
            fix_commands.NATIVE,
        )


def _address() -> str:
    """Return the address of the engine: DOCKER_HOST, or that of Docker's context."""
    answer = _run("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    if answer.returncode:
        raise _FaultError(f"Docker does not know where its engine is ({_reason(answer)})", fix_commands.own_engine())
    address = answer.stdout.strip()
    parts = urlsplit(address)
    if parts.scheme == "ssh" or (parts.scheme == "tcp" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}):
        raise _FaultError(
            f"Docker's engine is on another machine ({address}): the lab's folders and ports would not be there",
            fix_commands.own_engine(),
        )
    return address


def _compose_version() -> str:
    answer = _run("docker", "compose", "version", "--short")
    version = answer.stdout.strip().removeprefix("v")
    if answer.returncode:
        raise _plugin_fault()
    # A build from source may have no number; it is newer than 2.24.
    if _numbers(version) and _numbers(version) < OLDEST:
        raise _FaultError(
            f"Docker Compose {version} is too old (2.24 or later is needed)", fix_commands.install_compose()
        )
    return version


def _plugin_fault() -> _FaultError:
    alone = shutil.which("docker-compose")
    if alone is None:
        return _FaultError("Docker has no Compose plugin", fix_commands.install_compose())
    version = _run(alone, "version", "--short").stdout.strip().removeprefix("v")
    if _numbers(version) < OLDEST:
        fault = f"there is only the old `docker-compose` {version}, which cannot read docker-compose.yml"
        return _FaultError(fault, fix_commands.install_compose())
    fault = f"`docker-compose` {version} is here, but not as Docker's plugin"
    return _FaultError(fault, fix_commands.link_compose(alone))


def _engine(address: str) -> dict[str, Any]:
    answer = _run("docker", "version", "--format", "{{json .}}")
    engine: dict[str, Any] | None = json.loads(answer.stdout).get("Server") if answer.stdout.startswith("{") else None
    if not engine:
        raise _engine_fault(address, answer)
    if not podman(engine) and _numbers(engine["ApiVersion"]) < OLDEST_API:
        raise _FaultError(
            f"Docker Engine {engine['Version']} is too old (20.10 or later is needed)", fix_commands.install_docker()
        )
    return engine


def _engine_fault(address: str, answer: subprocess.CompletedProcess[str]) -> _FaultError:
    reason = _reason(answer)
    if "permission denied" in reason.lower():
        fault = f"this user may not use Docker's engine ({address.removeprefix('unix://')}: permission denied)"
        return _FaultError(fault, fix_commands.permission(address))
    if answer.returncode == 124:
        fault = f"Docker's engine at {address} hangs ({reason})"
        return _FaultError(fault, fix_commands.start_engine(address, again=True))
    if "cannot connect" in reason.lower() or "error during connect" in reason.lower():
        fault = f"no container engine answers at {address}"
        if os.environ.get("DOCKER_HOST"):
            fault = f"DOCKER_HOST points to {address}, and no engine answers there"
        return _FaultError(fault, fix_commands.start_engine(address))
    fault = f"what answers at {address} is no container engine that Docker can use ({reason})"
    return _FaultError(fault, fix_commands.own_engine())


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return docker.run([program, *arguments], SECONDS)


def _cautions() -> tuple[tuple[str, str], ...]:
    answer = _run("docker", "info", "--format", "{{json .}}")
    if not answer.stdout.startswith("{"):
        return ()
    info = json.loads(answer.stdout)
    rootless = any(option.startswith("name=rootless") for option in info.get("SecurityOptions") or ())
    unheld = [word for key, word in (("MemoryLimit", "memory"), ("PidsLimit", "processes")) if not info.get(key, True)]
    if not unheld:
        return ()
    what = f"limits of {' and '.join(unheld)} do not hold here: a service that runs wild may take the whole machine"
    who = "rootless Docker may not set them" if rootless else "the kernel has them switched off"
    return ((f"{what} ({who})", fix_commands.limits(rootless, str(info.get("CgroupVersion", "1")))),)


def _doubt(engine: dict[str, Any]) -> str:
    version = podman(engine)
    if not version:
        return ""
    # Tried with 4.3.1 and Compose 5.0.2: order of the start, limits, ports and volumes work. Names of services need
    # netavark and aardvark-dns, health checks need systemd.
    return (
        f"Podman {version} answers in Docker's place, on which the whole lab was never run "
        "(it needs aardvark-dns for names and systemd for health checks)"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _reason(answer: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in answer.stderr.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no answer"
