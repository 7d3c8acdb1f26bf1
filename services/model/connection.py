"""The client's connection: whether it is still open, and how to abort it."""

import socket
import threading
import time
from contextlib import suppress
from enum import Enum

from flask import request

# How often a call that is kept waiting looks whether its client is still there.
_LOOK_SECONDS = 0.2


class Kept(Enum):
    """How the wait of a client ended."""

    TIME_OVER = "time over"
    FAULT_OVER = "fault over"
    CLIENT_GONE = "client gone"


def of_request() -> socket.socket | None:
    """Return the connection of the current request; None where the server has none (a test client)."""
    found = request.environ.get("gunicorn.socket")
    return found if isinstance(found, socket.socket) else None


def keep_waiting(seconds: float, over: threading.Event, connection: socket.socket | None) -> Kept:
    """Wait so long, until `over` is set, or until the client disconnects: no thread waits for a closed connection."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if over.wait(min(left, _LOOK_SECONDS)):
            return Kept.FAULT_OVER
        if connection is not None and _closed(connection):
            return Kept.CLIENT_GONE
    return Kept.TIME_OVER


def _closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:  # silent, and there
        return False
    except OSError:
        return True


def hang_up(connection: socket.socket | None) -> None:
    """Close the connection in the middle of whatever is being sent."""
    if connection is not None:
        with suppress(OSError):  # the client was faster
            connection.shutdown(socket.SHUT_RDWR)
