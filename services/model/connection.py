"""The client's connection: whether it is open, and how to abort it."""

import socket
import threading
import time
from contextlib import suppress
from enum import Enum

from flask import request

# Interval at which a waiting call checks its client's connection.
_CHECK_SECONDS = 0.2


class WaitResult(Enum):
    """The event that ended a wait."""

    TIMEOUT = "timeout"
    FAULT_ENDED = "fault ended"
    CLIENT_CLOSED = "client closed"


def current_connection() -> socket.socket | None:
    """Return the connection of the current request; None where the server has none (a test client)."""
    found = request.environ.get("gunicorn.socket")
    return found if isinstance(found, socket.socket) else None


def wait(seconds: float, ended: threading.Event, connection: socket.socket | None) -> WaitResult:
    """Wait for a time-out, until `ended` is set, or until the client disconnects, so that its thread is free.

    Args:
        seconds: the time-out.
        ended: set by the end of the fault.
        connection: None where the server has none.
    """
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if ended.wait(min(left, _CHECK_SECONDS)):
            return WaitResult.FAULT_ENDED
        if connection is not None and _is_closed(connection):
            return WaitResult.CLIENT_CLOSED
    return WaitResult.TIMEOUT


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:  # open, without data
        return False
    except OSError:
        return True


def abort(connection: socket.socket | None) -> None:
    """Close the connection while a response is being sent."""
    if connection is not None:
        with suppress(OSError):  # the client closed it first
            connection.shutdown(socket.SHUT_RDWR)
