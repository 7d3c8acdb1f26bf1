"""Installs missing programs while the rest of the lab starts: archives in parallel, builds one by one."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

import psutil

from lab.engines.native.install import programs
from lab.engines.native.install.network import UnavailableError, Watcher
from lab.engines.native.install.programs import Found, Missing
from lab.errors import LabError
from lab.progress import Board

Result = Found | Missing | str
# Seconds between two lines of progress where a line cannot be overwritten.
_LINE_SECONDS = 15
_SETTLE_SECONDS = 0.3


class _Turns:
    """A lock that goes to the first waiting name in `order`: others need what is built first."""

    def __init__(self, order: Sequence[str], stopped: threading.Event) -> None:
        self._order = order
        self._stopped = stopped
        self._waiting: set[str] = set()
        self._changed = threading.Condition()
        self._busy = False

    @contextmanager
    def take(self, name: str) -> Iterator[None]:
        """Wait for the turn of `name`, and hold the lock.

        Raises:
            LabError: stopped.
        """
        with self._changed:
            self._waiting.add(name)
        # Without a network all builds are queued at once: wait until the first in order is queued.
        self._stopped.wait(_SETTLE_SECONDS)
        with self._changed:
            while self._busy or name != min(self._waiting, key=self._order.index):
                self._changed.wait(0.2)
                if self._stopped.is_set():
                    break
            self._waiting.discard(name)
            if self._stopped.is_set():
                raise LabError("Interrupted.")
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()


class InstallQueue:
    """Installs missing programs in threads, while the caller waits for the servers.

    Args:
        wanted: name of the program by name of the service that runs it.
        values: the settings with the versions.
    """

    def __init__(self, wanted: Mapping[str, str], values: Mapping[str, str], board: Board) -> None:
        self._wanted = wanted
        self._values = values
        self._board = board
        self._results: SimpleQueue[tuple[str, Result]] = SimpleQueue()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=f"get-{name}", daemon=True) for name in wanted
        ]
        # One build at a time uses all processors; downloads wait for the network, not for each other.
        self._turns = _Turns(list(wanted), self._stopped)

    def start(self) -> None:
        """Start one thread per program."""
        for name in self._wanted:
            self._board.working(name, "looking for its program")
        for thread in self._threads:
            thread.start()

    def busy(self) -> bool:
        """Whether a program is being installed, or a result was not yet fetched."""
        return any(thread.is_alive() for thread in self._threads) or not self._results.empty()

    def finished(self) -> list[tuple[str, Result]]:
        """Return the results since the last call, by service.

        A text is the reason of a failure; `Missing`: this machine cannot obtain the program.
        """
        results = []
        while not self._results.empty():
            results.append(self._results.get())
        return results

    def stop(self) -> None:
        """Stop the threads and their compilers (Ctrl-C)."""
        self._stopped.set()
        if self.busy():
            for child in psutil.Process().children(recursive=True):
                child.kill()
        deadline = time.monotonic() + 10
        for thread in filter(threading.Thread.is_alive, self._threads):
            thread.join(timeout=max(deadline - time.monotonic(), 0))

    def _run(self, name: str) -> None:
        result: Result
        try:
            result = self._get(name)
        except UnavailableError as error:
            result = Missing(error.message, obtainable=False)
        except LabError as error:
            result = f"{error.message} {error.remedy}".strip()
        except OSError as error:
            result = f"its program cannot be had: {error}"
        self._results.put((name, result))

    def _get(self, name: str) -> Found:
        reported = time.monotonic()

        def say(text: str) -> None:
            nonlocal reported
            if self._board.console.is_terminal or time.monotonic() - reported > _LINE_SECONDS:
                reported = time.monotonic()
                self._board.working(name, text[:100])

        watcher = Watcher(say, lambda text: self._board.note(name, text), self._stopped.is_set)
        return programs.obtain(self._wanted[name], self._values, watcher, lambda: self._build_turn(name))

    @contextmanager
    def _build_turn(self, name: str) -> Iterator[None]:
        self._board.working(name, "waiting for another build")
        with self._turns.take(name):
            self._board.working(name, f"building {self._wanted[name]}, once for this machine")
            yield
