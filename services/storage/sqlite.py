"""SQLite for several threads: write-ahead log, foreign keys, and transactions that take their lock at BEGIN."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, event


def create_folder(url: URL) -> None:
    """Create the folder of a SQLite file; nothing for a database in memory."""
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def prepare(engine: Engine, busy_seconds: Callable[[], float]) -> None:
    """Set up each connection and transaction of the engine.

    A transaction that reads first and writes later fails at once when another one wrote in between. So a transaction
    with the execution option `writes` begins with BEGIN IMMEDIATE and waits for the write lock.

    Args:
        engine: of a SQLite database.
        busy_seconds: returns how long a transaction may wait for a lock, in seconds; called at each BEGIN.
    """

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver would send BEGIN at the first write only; with None the listener below sends it.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")  # readers and the one writer do not wait for each other
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # On the driver's connection, so that BEGIN is no span of its own.
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute(f"PRAGMA busy_timeout={max(1, int(busy_seconds() * 1000))}")
        raw.execute("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
