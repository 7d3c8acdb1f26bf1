"""The client's connection: whether it is open, and how to abort it."""

import socket
import threading
import time
from contextlib import suppress

from flask import request

from services.model.errors import client_closed_request

# Interval at which a waiting call checks its client's connection.
_CHECK_SECONDS = 0.2


def current_connection() -> socket.socket | None:
    """Return the connection of the current request; None where the server has none (a test client)."""
    found = request.environ.get("gunicorn.socket")
    return found if isinstance(found, socket.socket) else None


def wait(seconds: float, ended: threading.Event) -> bool:
    """Wait until `ended` is set or the time-out passes, and return whether it passed.

    Raises:
        ApiError: the client disconnected; its thread is free for another request.
    """
    connection = current_connection()
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if ended.wait(min(left, _CHECK_SECONDS)):
            return False
        if connection is not None and _is_closed(connection):
            raise client_closed_request()
    return True


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
