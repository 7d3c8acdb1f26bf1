"""Watches the alerts of finished scenarios until they resolve, while the drill continues with others."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.scenarios.run.session import Session

_INTERVAL_SECONDS = 2.0


@dataclass
class FinishedRun:
    """A run of `seconds` whose alerts have to resolve; other scenarios may fire the alerts in `others`."""

    session: Session
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
            return frozenset(name for one in self._runs for name in one.session.unresolved(now))

    def pop_resolved(self, *, all_: bool = False) -> list[FinishedRun]:
        """Remove and return the runs without pending resolutions, or all of them."""
        now = time.time()
        with self._lock:
            done = [one for one in self._runs if all_ or not one.session.unresolved(now)]
            self._runs = [one for one in self._runs if one not in done]
        return done

    def _observe(self) -> None:
        while not self._end.wait(_INTERVAL_SECONDS):
            now = time.time()
            with self._lock:
                waiting = [one.session for one in self._runs if one.session.unresolved(now)]
            for session in waiting:
                for event in session.observe_resolutions(now):
                    self._say(f"{session.spec.scenario.name:<20}  {event.kind:<14} {event.shown}")
