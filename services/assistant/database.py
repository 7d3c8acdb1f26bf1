"""The way to the database: engine, sessions within the request's time budget, migrations, a watch on its health."""

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from services.assistant.pool import WatchedPool
from services.assistant.recovery import remaining_seconds
from services.web.problems import Problem

# Fewer than gunicorn has threads: a request that waits for the model holds none.
CONNECTIONS = int(os.environ.get("THREADS", "32")) // 2
# Held while the schema changes, so that two assistants that start together take turns. Any constant number does.
MIGRATION_LOCK = 5001
WATCH_SECONDS = 2.0
# How long a request waits for a connection: less than its budget, so that it can still say what was missing.
POOL_SECONDS = 2.5
# A database that does not answer a trivial question within this time counts as lost.
PING_SECONDS = 2


class DatabaseUnavailableError(Problem):
    """The database did not answer in time, or has not been prepared yet: a 503 problem document."""

    def __init__(
        self,
        why: str,
        title: str = "Database unavailable",
        detail: str = "The database does not answer. Nothing was changed; try again in a moment.",
    ) -> None:
        super().__init__(503, title, detail, headers={"Retry-After": "5"})
        self.why = why


class PoolExhaustedError(DatabaseUnavailableError):
    """No connection became free in time; the database itself may be well."""

    def __init__(self, why: str) -> None:
        detail = "All connections to the database are in use. Nothing was changed; try again in a moment."
        super().__init__(why, "Database connections exhausted", detail)


class Database:
    """Engine and sessions. `read()` and `write()` raise DatabaseUnavailableError when it cannot be reached."""

    def __init__(self, url: str, password_file: Path | None = None) -> None:
        self._answered_at = -math.inf
        address = _with_password(make_url(url), password_file)
        self.engine = _engine(address, CONNECTIONS)
        # The watch has a connection of its own: that the pool is exhausted says nothing about the database.
        self._probe = _engine(address, 1)
        # Called at the begin of each transaction, in its thread; may raise what a database raises.
        self.before_transaction: Callable[[], None] | None = None
        self._reader = sessionmaker(self.engine, expire_on_commit=False)
        # SQLite needs to know at BEGIN that a transaction will write; see _begin_sqlite.
        self._writer = sessionmaker(self.engine.execution_options(writes=True), expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database of native mode."""
        return self.engine.dialect.name == "sqlite"

    @property
    def pool(self) -> WatchedPool:
        """The pool that requests get their connections from."""
        assert isinstance(self.engine.pool, WatchedPool)
        return self.engine.pool

    def guard(self, gate: Callable[[], None]) -> None:
        """Have `gate` called before a connection is given, to a request or to the watch. It may raise."""
        for engine in (self.engine, self._probe):
            assert isinstance(engine.pool, WatchedPool)
            engine.pool.gate = gate

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with self._session(self._reader) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed at the end of the block, rolled back when the block raises."""
        with self._session(self._writer) as session:
            yield session

    @contextmanager
    def _session(self, factory: "sessionmaker[Session]") -> Iterator[Session]:
        with _reached():
            if self.before_transaction is not None:
                self.before_transaction()
            with factory.begin() as session:
                self.limit(session.connection())
                yield session

    def limit(self, connection: Connection) -> None:
        """Let no statement of the transaction at hand outlast the request's budget; SQLite is limited as it begins."""
        if not self.is_sqlite:
            milliseconds = max(1, int(remaining_seconds() * 1000))
            connection.connection.cursor().execute(f"SET LOCAL statement_timeout = {milliseconds}")

    def migrate(self) -> None:
        """Bring the schema to the newest version; safe when several processes start at once.

        Raises DatabaseUnavailableError.
        """
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with _reached(), self.engine.execution_options(writes=True).begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def ping(self) -> bool:
        """Ask the database a trivial question, past the instrumentation: a probe is no request."""
        try:
            connection = self._probe.raw_connection()
        except Exception:  # whatever the driver says: it is not there
            return False
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT 1 FROM alembic_version")
            cursor.close()
            connection.rollback()
        except Exception:
            connection.invalidate()
            return False
        finally:
            connection.close()
        return True

    @property
    def is_up(self) -> bool:
        """Whether the watch was answered lately. Probes and scrapes ask here and never wait for a database."""
        return time.monotonic() - self._answered_at < WATCH_SECONDS + PING_SECONDS

    def answered(self, did: bool) -> None:
        """Note whether the database answered just now."""
        self._answered_at = time.monotonic() if did else -math.inf

    def watch(self, report: Callable[[bool], None], stop: threading.Event) -> threading.Thread:
        """Ping every two seconds and report. A ping that hangs reports nothing, and `is_up` ends by itself."""

        def loop() -> None:
            while not stop.wait(WATCH_SECONDS):
                did = self.ping()
                self.answered(did)
                report(did)

        thread = threading.Thread(target=loop, name="database-watch", daemon=True)
        thread.start()
        return thread


def on_statement(engine: Engine, observe: Callable[[str, float], None]) -> None:
    """Call `observe(operation, seconds)` after each statement; operation is its first word in capitals."""

    @event.listens_for(engine, "before_cursor_execute")
    def _before(conn: Connection, *_: Any) -> None:
        conn.info["started"] = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def _after(conn: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        operation = statement.split(None, 1)[0].upper()
        observe(operation, time.perf_counter() - conn.info["started"])


@contextmanager
def _reached() -> Iterator[None]:
    """Turn every way in which a database can be away, or too slow, into DatabaseUnavailableError."""
    try:
        yield
    except PoolTimeout as error:
        raise PoolExhaustedError(type(error).__name__) from error
    except (OperationalError, sqlite3.OperationalError) as error:
        raise DatabaseUnavailableError(type(error).__name__) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailableError(type(error).__name__) from error
        raise


def _with_password(url: URL, password_file: Path | None) -> URL:
    if password_file is None or url.get_backend_name() == "sqlite":
        return url
    return url.set(password=password_file.read_text(encoding="utf-8").strip())


def _engine(url: URL, connections: int) -> Engine:
    # hide_parameters: the text of an error stands in the log, and parameters are what users wrote.
    if url.get_backend_name() == "sqlite":
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            url,
            hide_parameters=True,
            poolclass=WatchedPool,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
            connect_args={"check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url,
        hide_parameters=True,
        poolclass=WatchedPool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": PING_SECONDS},
    )


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own BEGIN comes too late (at the first write); with None it leaves transactions to us.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")  # readers and the one writer do not wait for each other
    connection.execute("PRAGMA synchronous=NORMAL")  # safe with WAL but for the last moments before a power cut
    connection.execute("PRAGMA foreign_keys=ON")
    # As Postgres has it, for the fault `slow-query`.
    connection.create_function("pg_sleep", 1, _sleep)


def _sleep(seconds: float) -> None:
    """Take time within a statement, but not more than the request's budget."""
    left = remaining_seconds()
    time.sleep(min(seconds, left))
    if seconds > left:
        raise TimeoutError("canceling statement due to statement timeout")


def _begin_sqlite(connection: Connection) -> None:
    """Start the transaction on the driver's connection, so that BEGIN is no span of its own.

    A transaction that reads first and writes later fails at once when another one wrote in between; BEGIN IMMEDIATE
    takes the write lock at the start and waits for it as long as the request's budget allows.
    """
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute(f"PRAGMA busy_timeout={max(1, int(remaining_seconds() * 1000))}")
    raw.execute("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
