"""Resilience: the time budget of a request, and the circuit breaker.

The first hook of a request sets its budget. The model client (time-outs, retries) and the database (waits) use the
rest of it, so that no wait outlasts the budget.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

# Budget of work outside of requests: the start, pings.
OUTSIDE_REQUEST_SECONDS = 5.0

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def time_budget(seconds: float) -> Iterator[None]:
    """Limit the waits in the block to so many seconds, in this thread; a shorter outer budget still applies."""
    deadline = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(deadline if outer is None else min(deadline, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining_seconds() -> float:
    """Return the rest of the current request's budget in seconds, never below 0."""
    deadline = _deadline.get()
    return OUTSIDE_REQUEST_SECONDS if deadline is None else max(0.0, deadline - time.monotonic())


class CircuitState(IntEnum):
    """State of a breaker; the number is the value of its metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitOpenError(Exception):
    """The call was not made: recent calls failed too often."""


class CircuitBreaker:
    """Stops calls to a provider that fails repeatedly, and allows one trial call after `reset_seconds`.

    The lock is held when the state changes, never during the call: with pybreaker, which holds its lock while the call
    runs, eight threads would call the model one after the other.
    """

    def __init__(
        self,
        failures: int,
        reset_seconds: float,
        on_change: Callable[[CircuitState, CircuitState], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a closed breaker.

        Args:
            failures: in a row, that open it.
            reset_seconds: until a trial call.
            on_change: called with the old and the new state, under the lock.
            clock: in seconds.
        """
        self._failures_allowed = failures
        self._reset_seconds = reset_seconds
        self._on_change = on_change
        self._clock = clock
        self._lock = threading.Lock()
        self._state = CircuitState.CLOSED
        self._failures = 0
        self._opened_at = 0.0

    @property
    def state(self) -> CircuitState:
        """The current state."""
        return self._state

    def before_call(self) -> None:
        """Check whether a call is allowed. Report its result by `succeeded` or `failed`.

        Raises:
            CircuitOpenError: the circuit is open, or another thread makes the trial call.
        """
        with self._lock:
            if self._state is CircuitState.CLOSED:
                return
            if self._clock() - self._opened_at < self._reset_seconds:
                raise CircuitOpenError
            # Applies to a half-open circuit, too: a trial call without a result must not block it for ever.
            self._opened_at = self._clock()
            self._set(CircuitState.HALF_OPEN)

    def succeeded(self) -> None:
        """Report a call that was answered."""
        with self._lock:
            self._failures = 0
            self._set(CircuitState.CLOSED)

    def failed(self) -> None:
        """Report a call that the provider failed."""
        with self._lock:
            self._failures += 1
            # The failure of a call that began before the circuit opened does not extend the time.
            if self._state is CircuitState.HALF_OPEN or (
                self._state is CircuitState.CLOSED and self._failures >= self._failures_allowed
            ):
                self._opened_at = self._clock()
                self._set(CircuitState.OPEN)

    def _set(self, new: CircuitState) -> None:
        old, self._state = self._state, new
        if old is not new:
            self._on_change(old, new)
