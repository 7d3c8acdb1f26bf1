"""The schema: created, taken over from version 0.1, and the same either way."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError, StatementError

from services.pager.model.database import Database
from services.pager.model.tables import Base, Heartbeat
from tests.support.alerting.pager import Pager, notification

VERSION_0_1 = (Path(__file__).parent / "version_0_1.sql").read_text()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of version 0.1."""
    path = tmp_path / "pager.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_0_1)
    connection.close()
    return path


def differences(path: Path) -> list[object]:
    with Database(f"sqlite:///{path}").engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def test_a_new_database_has_the_tables_of_the_code(tmp_path: Path) -> None:
    assert differences(tmp_path / "new" / "pager.db") == []


def test_an_old_database_is_taken_over_with_its_incidents(old: Path, tmp_path: Path) -> None:
    assert differences(old) == []
    pager = Pager(tmp_path, tmp_path)
    still_open, over = pager.incidents()
    assert (still_open["id"], still_open["status"], still_open["responder"]) == (2, "open", "")
    assert (over["id"], over["resolved_at"], over["acknowledged_by"]) == (1, "2026-11-22T14:03:20.000Z", None)
    assert [line["event"] for line in over["timeline"]] == ["fired", "resolved", "notified"]
    assert pager.metric("pager_heartbeat_timestamp_seconds") > 0
    pager.tick(100_000)
    assert "escalated" not in pager.events(2), "no one was paged, so no one has not answered"


def test_an_alert_that_fires_over_the_upgrade_stays_one_incident(old: Path, tmp_path: Path) -> None:
    pager = Pager(tmp_path, tmp_path)

    def firing(body: dict) -> None:
        body["alerts"][0]["startsAt"] = "2026-11-22T14:10:00Z"

    assert pager.send(notification(firing)) == {"incident": 2, "outcome": "repeated"}
    assert pager.act("acknowledge", 2, by="Ada").status_code == 200
    assert pager.send(notification(resolved_at="2026-11-22T14:20:00Z")) == {"incident": 2, "outcome": "resolved"}


def test_it_is_brought_up_to_date_once(old: Path, tmp_path: Path) -> None:
    Pager(tmp_path, tmp_path)
    before = Pager(tmp_path, tmp_path).incidents()
    assert Pager(tmp_path, tmp_path).incidents() == before


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pager.db"
    Database(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Exception, match="9999"):
        Database(f"sqlite:///{path}")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pager.db").write_text("no database" * 1000)
    with pytest.raises(SQLAlchemyError):
        Database(f"sqlite:///{tmp_path / 'pager.db'}")


def test_a_naive_time_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'pager.db'}")
    heartbeat = Heartbeat(name="Watchdog", evaluated_at=datetime(2026, 11, 22, 14))  # noqa: DTZ001 - the point of it
    with pytest.raises(StatementError, match="zone"), database.write() as session:
        session.add(heartbeat)


def test_a_time_is_stored_and_returned_in_utc(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'pager.db'}")
    at = datetime(2026, 11, 22, 14, tzinfo=timezone(timedelta(hours=2)))
    with database.write() as session:
        session.add(Heartbeat(name="Watchdog", evaluated_at=at))
    with database.read() as session:
        assert session.execute(text("SELECT heard_at FROM heartbeats")).scalar() == "2026-11-22 12:00:00.000000"
        stored = session.scalars(select(Heartbeat)).one().evaluated_at
    assert (stored, stored.tzinfo) == (at, UTC)
