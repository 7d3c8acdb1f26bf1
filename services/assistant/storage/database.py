"""The database: engine, sessions within the request's time budget, migrations, health checks."""

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from services.assistant.resilience import remaining_seconds
from services.assistant.storage.pool import WatchedPool
from services.storage import migrations, sqlite
from services.storage.urls import parse_database_url
from services.web.problems import Problem

# Fewer than gunicorn has threads: a request that waits for the model holds none.
CONNECTIONS = int(os.environ.get("THREADS", "32")) // 2
# Key of the lock during migrations, so that two assistants that start together take turns. Its value is arbitrary.
MIGRATION_LOCK = 5001
WATCH_SECONDS = 2.0
# How long a request waits for a connection: less than its budget, so that it can still answer with the reason.
POOL_SECONDS = 2.5
# A database that does not answer a ping within this time counts as down.
PING_SECONDS = 2


class DatabaseUnavailableError(Problem):
    """The database did not answer in time, or is not prepared yet: a 503 problem; `why` is the type of the error."""

    _title = "Database unavailable"
    _detail = "The database does not answer. Nothing was changed; try again in a moment."

    def __init__(self, why: str) -> None:
        super().__init__(503, self._title, self._detail, headers={"Retry-After": "5"})
        self.why = why


class PoolExhaustedError(DatabaseUnavailableError):
    """No connection became free in time; the database itself may be healthy."""

    _title = "Database connections exhausted"
    _detail = "All connections to the database are in use. Nothing was changed; try again in a moment."


class Database:
    """Engine and sessions.

    `read`, `write` and `migrate` raise DatabaseUnavailableError when the database does not answer in time.

    Raises:
        InvalidDatabaseUrlError: `url` is not a database URL.
    """

    def __init__(self, url: str, password_file: Path | None = None) -> None:
        self._answered_at = -math.inf
        address = _with_password(parse_database_url(url), password_file)
        self.engine = _engine(address, CONNECTIONS)
        # Pings have a connection of their own: an exhausted pool is not an unreachable database.
        self._probe = _engine(address, 1)
        # Called before each transaction, in its thread; may raise what a database raises.
        self.before_transaction: Callable[[], None] | None = None
        self._reader = sessionmaker(self.engine, expire_on_commit=False)
        # SQLite needs to know at BEGIN that a transaction will write; see services.storage.sqlite.
        self._writer = sessionmaker(self.engine.execution_options(writes=True), expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database of native mode."""
        return self.engine.dialect.name == "sqlite"

    @property
    def pool(self) -> WatchedPool:
        """The pool of the requests' connections."""
        assert isinstance(self.engine.pool, WatchedPool)
        return self.engine.pool

    def set_failpoint(self, failpoint: Callable[[], None]) -> None:
        """Call `failpoint` before each connection that a request or a ping gets. It may raise."""
        for engine in (self.engine, self._probe):
            assert isinstance(engine.pool, WatchedPool)
            engine.pool.failpoint = failpoint

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run the block in a transaction that only reads."""
        with self._session(self._reader) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Run the block in a transaction: commit it at the end, roll it back when the block raises."""
        with self._session(self._writer) as session:
            yield session

    @contextmanager
    def _session(self, factory: "sessionmaker[Session]") -> Iterator[Session]:
        with _map_errors():
            if self.before_transaction is not None:
                self.before_transaction()
            with factory.begin() as session:
                self.limit(session.connection())
                yield session

    def limit(self, connection: Connection) -> None:
        """Limit the statements of the transaction to the rest of the time budget; SQLite is limited at BEGIN."""
        if not self.is_sqlite:
            milliseconds = max(1, int(remaining_seconds() * 1000))
            connection.connection.cursor().execute(f"SET LOCAL statement_timeout = {milliseconds}")

    def migrate(self) -> None:
        """Upgrade the schema to the newest version; safe when several processes start at once."""
        with _map_errors(), self.engine.execution_options(writes=True).begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            migrations.upgrade(migrations.configure(Path(__file__).parent / "migrations", connection))

    def ping(self) -> bool:
        """Return whether the database answers a query now. The query is neither traced nor counted."""
        try:
            with closing(self._probe.raw_connection()) as connection:
                try:
                    connection.cursor().execute("SELECT 1 FROM alembic_version")
                    connection.rollback()
                except Exception:
                    connection.invalidate()
                    raise
        except Exception:  # any error of the driver: it is down
            self._answered_at = -math.inf
            return False
        self._answered_at = time.monotonic()
        return True

    @property
    def is_up(self) -> bool:
        """Whether a recent ping was answered. Probes and scrapes read this and never wait for the database."""
        return time.monotonic() - self._answered_at < WATCH_SECONDS + PING_SECONDS

    def watch(self, on_change: Callable[[bool], None], stop: threading.Event) -> None:
        """Ping every WATCH_SECONDS in a thread, until `stop` is set.

        `on_change(is_up)` is called when the result changes. While a ping hangs, `is_up` expires.
        """

        def loop() -> None:
            was_up = True
            while not stop.wait(WATCH_SECONDS):
                is_up = self.ping()
                if is_up != was_up:
                    on_change(is_up)
                was_up = is_up

        threading.Thread(target=loop, name="database-watch", daemon=True).start()


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
def _map_errors() -> Iterator[None]:
    """Raise DatabaseUnavailableError for each error of an unreachable, locked or slow database."""
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
    options: dict[str, Any] = {
        # Errors are logged, and parameters are what users wrote.
        "hide_parameters": True,
        "poolclass": WatchedPool,
        "pool_size": connections,
        "max_overflow": 0,
        "pool_timeout": POOL_SECONDS,
    }
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": PING_SECONDS}, **options)
    sqlite.create_folder(url)
    engine = create_engine(url, connect_args={"check_same_thread": False}, **options)
    sqlite.prepare(engine, busy_seconds=remaining_seconds)
    # With WAL, a power cut loses the last transactions and corrupts nothing.
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
    return engine
