"""The pager's database: migrations and transactions."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine, inspect
from sqlalchemy.orm import Session

from services.storage import migrations, sqlite
from services.storage.urls import parse_database_url

# The schema of version 0.1, which has no alembic_version.
UNVERSIONED = "0001"
# Seconds that one writer waits for another.
BUSY_SECONDS = 5


class Database:
    """Engine and transactions. Safe to use from several threads.

    Raises:
        InvalidDatabaseUrlError: `url` is not a database URL.
        sqlalchemy.exc.SQLAlchemyError: it cannot be opened or migrated.
    """

    def __init__(self, url: str) -> None:
        # Errors are logged, and parameters are what people wrote.
        self.engine = create_engine(parse_database_url(url), hide_parameters=True)
        if self.engine.dialect.name == "sqlite":
            sqlite.create_folder(self.engine.url)
            sqlite.prepare(self.engine, busy_seconds=lambda: BUSY_SECONDS)
        # Writes are few; one at a time makes "open one unless one is open" atomic. A unique index guards it as well.
        self._writing = threading.Lock()
        self._migrate()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction; it is committed at the end of the block, and rolled back when the block raises."""
        engine = self.engine.execution_options(writes=True)
        with self._writing, Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def _migrate(self) -> None:
        with self.engine.execution_options(writes=True).begin() as connection:
            config = migrations.configure(Path(__file__).parent / "migrations", connection)
            tables = inspect(connection).get_table_names()
            if "incidents" in tables and "alembic_version" not in tables:
                command.stamp(config, UNVERSIONED)
            migrations.upgrade(config)
