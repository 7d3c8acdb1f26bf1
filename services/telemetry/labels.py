"""Bounded label values: a label that follows user input must not grow without limit."""

import threading
from collections.abc import Callable, Iterable

from services.telemetry import names


class CardinalityLimiter:
    """Returns the first `limit` different values of a label unchanged and every further one as `other`. Thread-safe.

    As OpenTelemetry's cardinality limits (https://opentelemetry.io/docs/specs/otel/metrics/sdk/#cardinality-limits).
    """

    def __init__(self, limit: int, allowed: Iterable[str] = (), on_overflow: Callable[[], None] = lambda: None) -> None:
        """Create a limiter.

        Args:
            limit: how many different values pass, `other` not counted.
            allowed: values that pass from the start; they count towards the limit.
            on_overflow: called for each value replaced by `other`.
        """
        self._limit = limit
        self._admitted = {names.OTHER, *allowed}
        self._on_overflow = on_overflow
        self._lock = threading.Lock()

    def __call__(self, value: str) -> str:
        """Return the value itself, or `other`."""
        if value in self._admitted:
            return value
        with self._lock:
            # `other` is not counted.
            if value in self._admitted or len(self._admitted) - 1 < self._limit:
                self._admitted.add(value)
                return value
        self._on_overflow()
        return names.OTHER
