"""Bounded label values: a label that follows what users send may not grow without end."""

import threading
from collections.abc import Callable, Iterable

from services.telemetry import names


class LabelGuard:
    """Lets the first `limit` different values of a label through and folds all further ones into `other`.

    Thread-safe. Values in `known` are admitted from the start and count towards the limit; each folded value is told
    to `on_fold` once per call.
    """

    def __init__(self, limit: int, known: Iterable[str] = (), on_fold: Callable[[], None] = lambda: None) -> None:
        self._limit = limit
        self._admitted = {names.OTHER, *known}
        self._on_fold = on_fold
        self._lock = threading.Lock()

    def __call__(self, value: str) -> str:
        """The value itself, or `other`."""
        if value in self._admitted:
            return value
        with self._lock:
            # `other` is always there and is no value of its own.
            if value in self._admitted or len(self._admitted) - 1 < self._limit:
                self._admitted.add(value)
                return value
        self._on_fold()
        return names.OTHER
