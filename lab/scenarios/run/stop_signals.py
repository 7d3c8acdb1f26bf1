"""Ctrl-C that stops a run in good order at any second."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Set by a stop signal. A flag, not an exception: no step is left half done."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def asked(self) -> bool:
        """Return whether a signal came."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait that long, shorter after a signal; return whether one came."""
        return self._event.wait(max(0.0, seconds))

    def ask(self) -> None:
        """Ask to stop."""
        self._event.set()


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn Ctrl-C, a closed terminal and SIGTERM into the flag, and put the old handlers back at the end."""
    stop = Stop()

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.ask()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
