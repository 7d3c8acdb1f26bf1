"""Checks that ports are free, and finds the process that holds a busy one."""

import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.engines import docker
from lab.engines.native.supervisor import MARK
from lab.errors import LabError


@dataclass(frozen=True)
class Holder:
    """The program that holds a port: `text` names it, `stop` is the command that ends it (empty: unknown)."""

    text: str
    stop: str = ""


def busy(ports: Iterable[int]) -> dict[int, str]:
    """Return the ports of 127.0.0.1 that cannot be bound, each with the text of its holder."""
    return {port: holder(port).text for port in ports if not _free(port)}


def require(asked: Mapping[int, str], settings: Mapping[str, int]) -> None:
    """Check that ports are free.

    Args:
        asked: the service that needs it, by port.
        settings: port by the name of its setting in `.env`.

    Raises:
        LabError: some are taken; each is named with its setting and its holder.
    """
    taken = {port: holder(port) for port in asked if not _free(port)}
    if not taken:
        return
    names = {port: name for name, port in settings.items()}
    rows = [
        f"  {port} ({names.get(port, '?')}, for {asked[port]}) is held by {who.text}" for port, who in taken.items()
    ]
    stops = list(dict.fromkeys(who.stop for who in taken.values() if who.stop))
    first = f"Stop it there: `{stops[0]}`" if len(stops) == 1 else "End those programs"
    example = names.get(next(iter(taken)), "ASSISTANT_PORT")
    raise LabError(
        "Ports that the lab needs are taken:\n" + "\n".join(rows),
        f"{first}, or give this lab other ports: {example} and its like in .env.",
    )


def holder(port: int) -> Holder:
    """Return the program that listens on a port, as far as this user may see it."""
    process = _listener(port)
    if isinstance(process, psutil.Process) and (native := _native_lab(process)):
        return native
    # The engine's own proxy listens for a container, often as another user.
    if container := _container(port):
        return container
    if isinstance(process, str):
        return Holder(process)
    try:
        return Holder(f"{process.name()} (process id {process.pid})", f"kill {process.pid}")
    except psutil.NoSuchProcess:
        return Holder("a process that has gone meanwhile")


def _listener(port: int) -> psutil.Process | str:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "a process that this user may not see"
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            if connection.pid is None:
                return "a process of another user"
            try:
                return psutil.Process(connection.pid)
            except psutil.NoSuchProcess:
                break
    return "a process that has gone meanwhile"


def _native_lab(process: psutil.Process) -> Holder | None:
    try:
        run_folder = process.environ().get(MARK)
        root = Path(process.cwd())
    except psutil.Error:
        return None
    if not run_folder:
        return None
    home = Path(run_folder).parent
    stop = f"make -C {root} down"
    if home != root / ".lab":
        stop = f"LAB_HOME={home} {stop}"
    return Holder(f"another copy of the lab, of {root} with its state in {home}", stop)


def _container(port: int) -> Holder | None:
    """Return the container that publishes a port, named after its Compose project."""
    found = docker.run(["docker", "ps", "--filter", f"publish={port}", "--format", "{{.ID}}"])
    details = docker.inspect(found.stdout.split()[:1])
    if not details:
        return None
    [(identity, about)] = details.items()
    labels = about["Config"]["Labels"] or {}
    project = labels.get("com.docker.compose.project")
    if not project:
        return Holder(f"the container {identity}", f"docker stop {identity}")
    folder = Path(labels.get("com.docker.compose.project.working_dir", ""))
    service = labels.get("com.docker.compose.service", "")
    if not (folder / "lab" / "engines").is_dir():
        return Holder(f"`{service}` of the Compose project {project} in {folder}", f"docker compose -p {project} down")
    # Another name of the project comes from COMPOSE_PROJECT_NAME.
    named = project == default_project(folder)
    stop = f"make -C {folder} down" if named else f"docker compose -p {project} down"
    return Holder(f"another copy of the lab, in {folder} (Compose project {project})", stop)


def default_project(folder: Path) -> str:
    """Return the name that Compose gives to the project of a folder."""
    return re.sub(r"[^a-z0-9_-]", "", folder.name.lower()).lstrip("_-")


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection in TIME_WAIT of a lab that has stopped does not make a port busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
