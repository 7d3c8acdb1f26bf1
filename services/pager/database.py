"""The pager's database: its schema brought up to date, and transactions that do not run into each other."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.orm import Session

# The schema of version 0.1, which was made without a note of its version.
UNVERSIONED = "0001"
# Seconds that one writer waits for another.
BUSY_SECONDS = 5


class Database:
    """Engine and transactions. Safe to use from several threads.

    Raises sqlalchemy.exc.SQLAlchemyError when it cannot be opened or brought up to date.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        # Writes are few; one at a time keeps "is one open? then open one" whole. The unique index guards it besides.
        self._writing = threading.Lock()
        self._migrate()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed at the end of the block, rolled back when the block raises."""
        engine = self.engine.execution_options(writes=True)
        with self._writing, Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.engine.execution_options(writes=True).begin() as connection:
            config.attributes["connection"] = connection
            tables = inspect(connection).get_table_names()
            if "incidents" in tables and "alembic_version" not in tables:
                command.stamp(config, UNVERSIONED)
            command.upgrade(config, "head")


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        if engine.url.database and engine.url.database != ":memory:":
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own BEGIN comes too late (at the first write); with None it leaves transactions to us.
    connection.isolation_level = None
    # Readers of the page do not wait for the writer; two writers wait for each other instead of failing.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start: who reads first and writes later fails when another one wrote in between."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
