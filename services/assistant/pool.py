"""The pool of database connections, with what it can tell: who holds, who waits, how long, and who gave up."""

import threading
import time
from collections.abc import Callable

from sqlalchemy import PoolProxiedConnection, QueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeout


class WatchedPool(QueuePool):
    """A QueuePool that measures each request for a connection.

    `gate` is called before a connection is given, and may raise; `waited` is told the seconds it took to get one, and
    whether one came before the time-out.
    """

    gate: Callable[[], None] | None = None
    waited: Callable[[float, bool], None] | None = None

    _pending = 0
    _counting = threading.Lock()

    @property
    def pending(self) -> int:
        """How many wait for a connection just now."""
        return self._pending

    def connect(self) -> PoolProxiedConnection:
        """Give a connection, as soon as one is free."""
        if self.gate is not None:
            self.gate()
        began = time.perf_counter()
        self._count(1)
        came = True
        try:
            return super().connect()
        except PoolTimeout:
            came = False
            raise
        finally:
            self._count(-1)
            if self.waited is not None:
                self.waited(time.perf_counter() - began, came)

    def take(self) -> PoolProxiedConnection:
        """Give a connection past gate and measurement."""
        return super().connect()

    @property
    def has_free(self) -> bool:
        """Whether a connection could be had at once."""
        return self.checkedout() < self.size()

    def recreate(self) -> "WatchedPool":
        """Make a new one with the same gate and listener, as SQLAlchemy does when an engine is disposed of."""
        made = super().recreate()
        assert isinstance(made, WatchedPool)
        made.gate, made.waited = self.gate, self.waited
        return made

    def _count(self, change: int) -> None:
        with self._counting:
            self._pending += change
