"""Ctrl-C that stops a run in good order at any second."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Return an event that SIGINT, SIGTERM and SIGHUP set; restore the previous handlers at the end.

    An event in place of an exception: each step of a run ends before the run stops.
    """
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
