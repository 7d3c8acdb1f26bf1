"""Whether Docker Compose can be used on this machine, and if not, why and what to do."""

import re
import subprocess
from dataclasses import dataclass

# Compose 2.24 is the first that reads all that docker-compose.yml uses.
OLDEST = (2, 24)


@dataclass(frozen=True)
class Probe:
    """Whether compose can be used here: `version` in words, or `fault` with its remedy."""

    version: str = ""
    fault: str = ""
    remedy: str = ""


def probe() -> Probe:
    """Ask for Docker Compose and for a container engine behind it."""
    try:
        answer = run(["docker", "compose", "version", "--short"])
    except FileNotFoundError:
        return Probe(fault="there is no `docker` program", remedy="Install Docker Engine with its compose plugin.")
    if answer.returncode:
        return Probe(
            fault="Docker has no compose plugin (the old `docker-compose` 1 is not enough)",
            remedy="Install docker-compose-plugin, version 2.24 or later.",
        )
    version = answer.stdout.strip().removeprefix("v")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        return Probe(
            fault=f"Docker Compose {version} is too old (2.24 or later is needed)",
            remedy="Update docker-compose-plugin.",
        )
    engine = run(["docker", "info", "--format", "{{.ServerVersion}}"])
    if engine.returncode or not engine.stdout.strip():
        reason = (engine.stderr.strip().splitlines() or ["no answer"])[-1]
        return Probe(fault=f"no container engine answers ({reason})", remedy="Start Docker, or use LAB_ENGINE=native.")
    return Probe(version=f"Docker {engine.stdout.strip()} with Compose {version}")


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end (20 s at most); its words as text."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
