"""Resilience: the deadline of a request, and the circuit breaker.

The budget of a request is set once, where the request comes in, and the model client (time-outs,
retries) and the database (waits) use what is left of it. So no wait outlasts the budget.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

# Budget of work outside of any request (start, watch).
OUTSIDE_REQUEST_SECONDS = 5.0

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def time_budget(seconds: float) -> Iterator[None]:
    """Allow the block (and what it calls, in this thread) so many seconds; an outer, tighter budget stays in force."""
    deadline = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(deadline if outer is None else min(deadline, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining_seconds() -> float:
    """Return what is left of the current request's budget, never below 0."""
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
    """Stops calls to a provider that keeps failing, and allows one trial call after a while.

    The lock is held for the bookkeeping only, never during the call: with pybreaker, which holds its lock while the
    call runs, eight threads would ask the model one after the other.
    """

    def __init__(
        self,
        failures: int,
        reset_seconds: float,
        on_change: Callable[[CircuitState, CircuitState], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open after `failures` in a row; `on_change(old, new)` is called at each change of state."""
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
        """The state now."""
        return self._state

    def before_call(self) -> None:
        """Check whether a call is allowed. Report its result by `succeeded` or `failed`.

        Raises CircuitOpenError while open, and while another thread makes the one trial call.
        """
        with self._lock:
            if self._state is CircuitState.CLOSED:
                return
            waited = self._clock() - self._opened_at
            if waited < self._reset_seconds:
                raise CircuitOpenError
            # Half open, too, is left after the time has passed again: a trial that never reported must not lock us.
            self._opened_at = self._clock()
            change = self._set(CircuitState.HALF_OPEN)
        self._report(change)

    def succeeded(self) -> None:
        """The call was answered."""
        with self._lock:
            self._failures = 0
            change = self._set(CircuitState.CLOSED)
        self._report(change)

    def failed(self) -> None:
        """The call failed by the other side's fault."""
        with self._lock:
            self._failures += 1
            change = None
            # A call that began before the circuit opened and fails after it is no new information.
            if self._state is CircuitState.HALF_OPEN or (
                self._state is CircuitState.CLOSED and self._failures >= self._failures_allowed
            ):
                self._opened_at = self._clock()
                change = self._set(CircuitState.OPEN)
        self._report(change)

    def _set(self, new: CircuitState) -> tuple[CircuitState, CircuitState] | None:
        old, self._state = self._state, new
        return None if old is new else (old, new)

    def _report(self, change: tuple[CircuitState, CircuitState] | None) -> None:
        if change is not None:
            self._on_change(*change)
