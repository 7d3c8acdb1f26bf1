"""Watches the alerts of finished scenarios until they resolve, while the drill continues with others."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.scenarios.run.runner import Run

_INTERVAL_SECONDS = 2.0


@dataclass
class FinishedRun:
    """A run of `seconds` whose alerts have to resolve; other scenarios may fire the alerts in `others`."""

    run: Run
    others: frozenset[str]
    seconds: float


class ResolutionWatcher:
    """Observes finished runs in a thread until each of their alerts has resolved or its time has passed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._runs: list[FinishedRun] = []
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._observe, name="resolutions", daemon=True)

    def __enter__(self) -> "ResolutionWatcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def add(self, finished: FinishedRun) -> None:
        """Observe one more run."""
        with self._lock:
            self._runs.append(finished)

    def pending_resolutions(self) -> frozenset[str]:
        """Return the alerts of all runs that still have time to resolve."""
        now = time.time()
        with self._lock:
            return frozenset(name for one in self._runs for name in one.run.session.unresolved(now))

    def pop_resolved(self, *, all_: bool = False) -> list[FinishedRun]:
        """Remove and return the runs without pending resolutions, or all of them."""
        now = time.time()
        with self._lock:
            done = [one for one in self._runs if all_ or not one.run.session.unresolved(now)]
            self._runs = [one for one in self._runs if one not in done]
        return done

    def _observe(self) -> None:
        while not self._end.wait(_INTERVAL_SECONDS):
            now = time.time()
            with self._lock:
                waiting = [one.run for one in self._runs if one.run.session.unresolved(now)]
            for run in waiting:
                for event in run.session.observe_resolutions(now):
                    self._say(f"{run.scenario.name:<20}  {event.kind:<14} {event.shown}")
