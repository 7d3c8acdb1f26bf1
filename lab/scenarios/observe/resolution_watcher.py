"""Watches how the alerts of finished scenarios end, while the drill goes on with others."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.scenarios.run.runner import Run

_EVERY = 2.0


@dataclass
class FinishedRun:
    """A run that is over but for the end of its alerts; `others` are alerts that others may set off meanwhile."""

    run: Run
    others: frozenset[str]
    seconds: float


class ResolutionWatcher:
    """Looks after ended runs in a thread of its own until each of their alerts is resolved or its time is over."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._runs: list[FinishedRun] = []
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="resolutions", daemon=True)

    def __enter__(self) -> "ResolutionWatcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def add(self, ended: FinishedRun) -> None:
        """Look after one more run."""
        with self._lock:
            self._runs.append(ended)

    def pending_resolutions(self) -> frozenset[str]:
        """Return the alerts whose end is still to come, of all runs."""
        now = time.time()
        with self._lock:
            return frozenset(name for ended in self._runs for name in ended.run.awaiting(now))

    def pop_resolved(self, *, all_: bool = False) -> list[FinishedRun]:
        """Take out the runs that nothing is awaited of any more, or all of them."""
        now = time.time()
        with self._lock:
            done = [ended for ended in self._runs if all_ or not ended.run.awaiting(now)]
            self._runs = [ended for ended in self._runs if ended not in done]
        return done

    def _go_on(self) -> None:
        while not self._enough.wait(_EVERY):
            now = time.time()
            with self._lock:
                waiting = [ended for ended in self._runs if ended.run.awaiting(now)]
            for ended in waiting:
                for event in ended.run.look(now):
                    self._say(f"{ended.run.scenario.name:<20}  {event.kind:<14} {event.shown}")
