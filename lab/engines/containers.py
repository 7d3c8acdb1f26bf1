"""Diagnoses of containers: killed for memory, restarting repeatedly, a volume of another user."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab import ports
from lab.compose_file import Service
from lab.engines import docker
from lab.engines.engine import Diagnosis
from lab.settings import LabSettings

# Fewer restarts, or longer ago than this many seconds, are the past of a service that runs well now.
RESTARTS = 3
RECENT = 600
# Version 2 and version 1 of cgroups: how often the kernel killed a process of this container.
_KILLS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_OTHER_POSTGRES = re.compile(r"data directory was initialized by PostgreSQL version (?P<old>[\d.]+)")


def require_ports(settings: LabSettings, services: Mapping[str, Service], rows: Sequence[Mapping[str, Any]]) -> None:
    """Make sure that the ports are free which this project publishes and does not hold already.

    Args:
        services: those that are to be started.
        rows: what `docker compose ps --format json` prints for this project.

    Raises:
        LabError: some are taken; each is named with its holder.
    """
    own = {int(each.get("PublishedPort", 0)) for row in rows for each in row.get("Publishers") or ()}
    asked = {
        int(str(published).split(":")[1]): name
        for name, service in services.items()
        for published in service.raw.get("ports", ())
    }
    ports.require({port: name for port, name in asked.items() if port not in own}, settings.ports())


def diagnoses(
    settings: LabSettings, services: Mapping[str, Service], rows: Sequence[Mapping[str, Any]]
) -> list[Diagnosis]:
    """What keeps services from working, each with its cause and one command; empty where the engine sees nothing.

    Args:
        rows: what `docker compose ps --all --format json` prints for this project.
    """
    names = {row["ID"][:12]: row["Service"] for row in rows if row["Service"] in services}
    details = _json(["docker", "inspect", *names]) if names else []
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda one: _diagnose(settings, services[names[one["Id"][:12]]], one), details)
    return [diagnosis for diagnosis in found if diagnosis]


def volumes(project: Mapping[str, Any]) -> dict[str, str]:
    """The moment at which each volume of a project was made, by its name in docker-compose.yml; those that exist.

    Args:
        project: what `docker compose config --format json` says.
    """
    full = {about["name"]: name for name, about in (project.get("volumes") or {}).items()}
    found = _json(["docker", "volume", "inspect", *full]) if full else []
    return {full[one["Name"]]: str(one["CreatedAt"]) for one in found}


def _diagnose(settings: LabSettings, service: Service, container: Mapping[str, Any]) -> Diagnosis | None:
    if _was_killed(container):
        return _memory(settings, service, container)
    if _is_healthy(container):
        return None
    said = _logs(container["Id"])
    return _volume(settings, service, container, said) or _restarts(service, container, said)


def _is_healthy(container: Mapping[str, Any]) -> bool:
    state = container["State"]
    if state["Status"] == "running":
        unhealthy = state.get("Health", {}).get("Status") == "unhealthy"
        return not unhealthy and (container["RestartCount"] == 0 or (docker.age(state["StartedAt"]) or 0) > RECENT)
    return bool(state["Status"] in {"exited", "created", "paused"} and state["ExitCode"] == 0)


def _was_killed(container: Mapping[str, Any]) -> bool:
    """Whether a process of this container was killed for memory, as far as it can still be known.

    The engine's own mark is about the first process and may be lost at a restart; a killed worker never has it. The
    kernel counts for as long as the container runs. The engine remembers a few minutes of events, several for one kill.
    """
    if container["State"].get("OOMKilled"):
        return True
    if container["State"]["Running"]:
        for file in _KILLS:
            counted = re.search(
                r"^oom_kill (\d+)$", _run(["docker", "exec", container["Id"], "cat", file]), re.MULTILINE
            )
            if counted and int(counted[1]):
                return True
    events = ["docker", "events", "--since", "1h", "--until", "0s", "--filter", "event=oom"]
    return bool(_run([*events, "--filter", f"container={container['Id']}", "--format", "{{.Action}}"]).strip())


def _memory(settings: LabSettings, service: Service, container: Mapping[str, Any]) -> Diagnosis:
    setting = f"{service.name.upper()}_MEMORY"
    limit = settings.values.get(setting, "")
    number = re.match(r"(\d+)(.*)", limit)
    more = f"{2 * int(number[1])}{number[2]}" if number else "a larger one"
    restarts = f", restarted {container['RestartCount']} times" if container["RestartCount"] else ""
    return Diagnosis(
        service.name,
        f"killed for memory at its limit of {limit} ({setting}){restarts}",
        f"set {setting}={more} in .env, then `lab restart {service.name}`",
    )


def _volume(settings: LabSettings, service: Service, container: Mapping[str, Any], said: str) -> Diagnosis | None:
    other = _OTHER_POSTGRES.search(said)
    data = {mount["Destination"]: mount for mount in container["Mounts"] if mount.get("Type") == "volume"}
    setting = f"{service.name.upper()}_VERSION"
    if other:
        return Diagnosis(
            service.name,
            f"its volume was written by PostgreSQL {other['old']}, and this is {settings.values.get(setting, '')}",
            f"set {setting} to a version {other['old']} in .env; or `lab clean`, which deletes all data of the lab",
        )
    for line in reversed(said.splitlines()):
        if "permission denied" not in line.lower():
            continue
        for target, mount in data.items():
            if target in line:
                return Diagnosis(
                    service.name,
                    f"may not use its volume {mount['Name']}, which belongs to another user: {_short(line)}",
                    _give(container, mount["Name"]),
                )
    return None


def _give(container: Mapping[str, Any], volume: str) -> str:
    """The command that gives a volume to the user of a container."""
    user = container["Config"]["User"] or "0"
    owner = user if ":" in user else f"{user}:{user}"
    # An image knows the names of its users; for a number any image with `chown` will do, and some have none.
    image = container["Config"]["Image"]
    own = not user.split(":")[0].isdigit()
    tool = image if own else _own_image(container)
    return f"docker run --rm --user 0 --entrypoint chown --volume {volume}:/v {tool} -R {owner} /v"


def _own_image(container: Mapping[str, Any]) -> str:
    project = container["Config"]["Labels"].get("com.docker.compose.project", "")
    command = ["docker", "ps", "--all", "--filter", f"label=com.docker.compose.project={project}"]
    found = _run([*command, "--filter", "label=com.docker.compose.service=init", "--format", "{{.ID}}"]).split()
    # Not what `docker ps` shows: an image that was rebuilt since has lost its name there.
    named = _run(["docker", "inspect", "--format", "{{.Config.Image}}", found[0]]).strip() if found else ""
    return named or str(container["Config"]["Image"])


def _restarts(service: Service, container: Mapping[str, Any], said: str) -> Diagnosis | None:
    state, count = container["State"], container["RestartCount"]
    last = _short(said.strip().splitlines()[-1]) if said.strip() else "it wrote nothing"
    if count >= RESTARTS or state["Status"] == "restarting":
        return Diagnosis(service.name, f"restarted {count} times; last output: {last}", f"lab logs {service.name}")
    if state["Status"] == "exited":
        return Diagnosis(service.name, f"ended with exit code {state['ExitCode']}: {last}", f"lab logs {service.name}")
    return None


def _logs(container: str) -> str:
    done = subprocess.run(
        ["docker", "logs", "--tail", "60", container], capture_output=True, text=True, check=False, timeout=10
    )
    return done.stdout + done.stderr


def _short(line: str) -> str:
    return line.strip()[-200:]


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout


def _json(command: list[str]) -> list[dict[str, Any]]:
    return list(json.loads(_run(command) or "[]"))
