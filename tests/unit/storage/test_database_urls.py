"""DATABASE_URL is read in one place, and no message about it repeats its password."""

import logging
import traceback
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.exc import SQLAlchemyError

from services.assistant.settings import AssistantSettings
from services.assistant.storage import database as assistant_database
from services.pager.model import database as pager_database
from services.pager.settings import PagerSettings
from services.storage.urls import InvalidDatabaseUrlError, parse_database_url

MARKER = "Hunter2Marker"


@pytest.mark.parametrize(
    ("text", "host", "password"),
    [
        ("postgresql+psycopg://lab:secret@db:5432/lab", "db", "secret"),
        ("postgresql+psycopg://lab:p%40ss%2Fword@db/lab", "db", "p@ss/word"),
        ("sqlite:////var/lib/lab/lab.db", None, None),
        ("sqlite://", None, None),
    ],
)
def test_a_database_url_is_read(text: str, host: str | None, password: str | None) -> None:
    url = parse_database_url(text)

    assert (url.host, url.password) == (host, password)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"lab:{MARKER}@db/lab",
        f"postgresql+psycopg://lab:x:5{MARKER}/lab",
        f"postgresql+psycopg://lab:x@{MARKER}@db/lab",
        f"postgresql+psycopg://lab:{MARKER}@db:port/lab",
    ],
)
@pytest.mark.parametrize("open_database", [assistant_database.Database, pager_database.Database])
def test_what_is_none_is_refused_in_a_sentence_that_says_what_to_write(
    open_database: type[assistant_database.Database] | type[pager_database.Database], text: str
) -> None:
    with pytest.raises(InvalidDatabaseUrlError) as caught:
        open_database(text)

    assert "DATABASE_URL is not a database URL. Write postgresql+psycopg://USER:PASSWORD@HOST" in str(caught.value)
    assert MARKER not in "".join(traceback.format_exception(caught.value))


pieces = st.lists(st.sampled_from([*":/@?#%[]& ", "postgresql+psycopg", "://", "lab", "5432", MARKER]), max_size=9)


@given(pieces.map("".join))
@example(f"postgresql+psycopg://lab:{MARKER}@[::1")
def test_no_error_repeats_the_text(text: str) -> None:
    try:
        url = parse_database_url(text)
    except InvalidDatabaseUrlError as error:
        assert MARKER not in "".join(traceback.format_exception(error))
    else:
        assert "@" not in (url.host or "")


@pytest.mark.parametrize("kind", [AssistantSettings, PagerSettings])
def test_printed_settings_have_no_url(kind: type[AssistantSettings] | type[PagerSettings]) -> None:
    assert MARKER not in repr(kind(database_url=f"postgresql+psycopg://lab:{MARKER}@db/lab"))


def test_errors_of_the_database_repeat_neither_password_nor_values(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refused = assistant_database.Database(f"postgresql+psycopg://lab:{MARKER}@127.0.0.1:9/lab")
    pager = pager_database.Database(f"sqlite:///{tmp_path}/pager.db")

    with pytest.raises(assistant_database.DatabaseUnavailableError) as unavailable, refused.read():
        pass
    with pytest.raises(SQLAlchemyError) as failed, pager.write() as session:
        session.connection().exec_driver_sql("INSERT INTO nothing VALUES (?)", (MARKER,))

    for error in (unavailable.value, failed.value):
        assert MARKER not in "".join(traceback.format_exception(error))
    assert MARKER not in caplog.text
