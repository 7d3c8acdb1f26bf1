"""Diagnoses of containers: killed for memory, restarting repeatedly, a volume of another user."""

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab import ports
from lab.compose_file import Service
from lab.engines import docker
from lab.engines.engine import Diagnosis
from lab.settings import LabSettings

# Fewer restarts, or none for this many seconds, are no problem of a service that runs now.
RESTARTS = 3
RECENT = 600
# Version 2 and version 1 of cgroups: how often the kernel killed a process of this container.
_KILLS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_OTHER_POSTGRES = re.compile(r"data directory was initialized by PostgreSQL version (?P<old>[\d.]+)")


def require_ports(settings: LabSettings, services: Mapping[str, Service], rows: Sequence[Mapping[str, Any]]) -> None:
    """Check that the ports which this project publishes, and does not hold already, are free.

    Args:
        settings: of the lab.
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
    """Return the known problems of services, each with its cause and one command.

    Args:
        settings: of the lab.
        services: of docker-compose.yml.
        rows: what `docker compose ps --all --format json` prints for this project.
    """
    names = {row["ID"][:12]: row["Service"] for row in rows if row["Service"] in services}
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(
            lambda one: _diagnose(settings, services[names[one[0]]], one[1]), docker.inspect(names).items()
        )
    return [diagnosis for diagnosis in found if diagnosis]


def volumes(project: Mapping[str, Any]) -> dict[str, str]:
    """Return the creation time of each existing volume of a project, by its name in docker-compose.yml.

    Args:
        project: what `docker compose config --format json` prints.
    """
    full = {about["name"]: name for name, about in (project.get("volumes") or {}).items()}
    found = json.loads(docker.run(["docker", "volume", "inspect", *full]).stdout or "[]") if full else []
    return {full[one["Name"]]: str(one["CreatedAt"]) for one in found}


def _diagnose(settings: LabSettings, service: Service, container: Mapping[str, Any]) -> Diagnosis | None:
    if _was_killed(container):
        return _memory(settings, service, container)
    if _is_healthy(container):
        return None
    output = _logs(container["Id"])
    return _volume(settings, service, container, output) or _restarts(service, container, output)


def _is_healthy(container: Mapping[str, Any]) -> bool:
    state = container["State"]
    if state["Status"] == "running":
        unhealthy = state.get("Health", {}).get("Status") == "unhealthy"
        return not unhealthy and (container["RestartCount"] == 0 or (docker.age(state["StartedAt"]) or 0) > RECENT)
    return bool(state["Status"] in {"exited", "created", "paused"} and state["ExitCode"] == 0)


def _was_killed(container: Mapping[str, Any]) -> bool:
    """Return whether a process of this container was killed for memory.

    The engine marks only the first process, and a restart may delete the mark. The kernel counts the kills of every
    process while the container runs. The engine keeps events for a few minutes, several for one kill.
    """
    if container["State"].get("OOMKilled"):
        return True
    if container["State"]["Running"]:
        for file in _KILLS:
            text = docker.run(["docker", "exec", container["Id"], "cat", file]).stdout
            counted = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
            if counted and int(counted[1]):
                return True
    events = ["docker", "events", "--since", "1h", "--until", "0s", "--filter", "event=oom", "--format", "{{.Action}}"]
    return bool(docker.run([*events, "--filter", f"container={container['Id']}"]).stdout.strip())


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


def _volume(settings: LabSettings, service: Service, container: Mapping[str, Any], output: str) -> Diagnosis | None:
    other = _OTHER_POSTGRES.search(output)
    data = {mount["Destination"]: mount for mount in container["Mounts"] if mount.get("Type") == "volume"}
    setting = f"{service.name.upper()}_VERSION"
    if other:
        return Diagnosis(
            service.name,
            f"its volume was written by PostgreSQL {other['old']}, and this is {settings.values.get(setting, '')}",
            f"set {setting} to a version {other['old']} in .env; or `lab clean`, which deletes all data of the lab",
        )
    for line in reversed(output.splitlines()):
        if "permission denied" not in line.lower():
            continue
        for target, mount in data.items():
            if target in line:
                return Diagnosis(
                    service.name,
                    f"may not use its volume {mount['Name']}, which belongs to another user: {_short(line)}",
                    _chown_command(container, mount["Name"]),
                )
    return None


def _chown_command(container: Mapping[str, Any], volume: str) -> str:
    """Return the command that gives a volume to the user of a container."""
    user = container["Config"]["User"] or "0"
    owner = user if ":" in user else f"{user}:{user}"
    # Only its own image knows a user by name. For a number any image with `chown` will do; some have none.
    tool = _init_image(container) if user.split(":")[0].isdigit() else container["Config"]["Image"]
    return f"docker run --rm --user 0 --entrypoint chown --volume {volume}:/v {tool} -R {owner} /v"


def _init_image(container: Mapping[str, Any]) -> str:
    project = container["Config"]["Labels"].get("com.docker.compose.project", "")
    command = ["docker", "ps", "--all", "--filter", f"label=com.docker.compose.project={project}"]
    init = docker.run([*command, "--filter", "label=com.docker.compose.service=init", "--format", "{{.ID}}"])
    # `docker ps` does not show the name of an image that was rebuilt since.
    found = [str(one["Config"]["Image"]) for one in docker.inspect(init.stdout.split()[:1]).values()]
    return found[0] if found else str(container["Config"]["Image"])


def _restarts(service: Service, container: Mapping[str, Any], output: str) -> Diagnosis | None:
    state, count = container["State"], container["RestartCount"]
    last = _short(output.strip().splitlines()[-1]) if output.strip() else "it wrote nothing"
    if count >= RESTARTS or state["Status"] == "restarting":
        return Diagnosis(service.name, f"restarted {count} times; last output: {last}", f"lab logs {service.name}")
    if state["Status"] == "exited":
        return Diagnosis(service.name, f"ended with exit code {state['ExitCode']}: {last}", f"lab logs {service.name}")
    return None


def _logs(container: str) -> str:
    done = docker.run(["docker", "logs", "--tail", "60", container])
    return done.stdout + done.stderr


def _short(line: str) -> str:
    return line.strip()[-200:]
