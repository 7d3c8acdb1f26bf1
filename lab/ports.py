"""Which ports are taken, and by whom."""

import socket
from collections.abc import Iterable

import psutil


def busy(ports: Iterable[int]) -> dict[int, str]:
    """The ports of 127.0.0.1 that cannot be bound, each with its holder in words."""
    return {port: holder(port) for port in ports if not _free(port)}


def holder(port: int) -> str:
    """Who listens on a port: `name (process id 123)`, as far as this user may see it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "a process that this user may not see"
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            if connection.pid is None:
                return "a process of another user"
            try:
                return f"{psutil.Process(connection.pid).name()} (process id {connection.pid})"
            except psutil.NoSuchProcess:
                break
    return "a process that has gone meanwhile"


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection in TIME_WAIT from a lab that just stopped does not make a port busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
