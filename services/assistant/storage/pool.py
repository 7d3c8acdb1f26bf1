"""The pool of database connections with measurements: pending requests, wait times and time-outs."""

import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import PoolProxiedConnection, QueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeout


class WatchedPool(QueuePool):
    """A QueuePool that measures each request for a connection.

    `failpoint` is called before a connection is handed out, and may raise. Each of `wait_listeners` is called with the
    seconds that a request waited, and whether it got a connection before the time-out.
    """

    failpoint: Callable[[], None] | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.wait_listeners: list[Callable[[float, bool], object]] = []
        self._pending = 0
        self._lock = threading.Lock()

    @property
    def pending(self) -> int:
        """Return the number of requests that wait for a connection."""
        return self._pending

    def connect(self) -> PoolProxiedConnection:
        """Return a connection as soon as one is free.

        Raises:
            sqlalchemy.exc.TimeoutError: none became free in time.
        """
        if self.failpoint is not None:
            self.failpoint()
        began = time.perf_counter()
        with self._lock:
            self._pending += 1
        acquired = True
        try:
            return super().connect()
        except PoolTimeout:
            acquired = False
            raise
        finally:
            with self._lock:
                self._pending -= 1
            for listener in self.wait_listeners:
                listener(time.perf_counter() - began, acquired)

    def take(self) -> PoolProxiedConnection:
        """Return a connection without failpoint and measurement."""
        return super().connect()

    @property
    def has_free(self) -> bool:
        """Whether a connection is free now."""
        return self.checkedout() < self.size()

    def recreate(self) -> "WatchedPool":
        """Return a new pool with the same failpoint and listeners.

        SQLAlchemy calls this when an engine is disposed of.
        """
        made = super().recreate()
        assert isinstance(made, WatchedPool)
        made.failpoint, made.wait_listeners = self.failpoint, self.wait_listeners
        return made
