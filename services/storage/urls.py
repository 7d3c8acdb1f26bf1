"""URLs of databases, whose passwords appear in no message."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_INVALID = (
    "DATABASE_URL is not a database URL. Write postgresql+psycopg://USER:PASSWORD@HOST:5432/NAME or "
    "sqlite:////FOLDER/FILE, with special characters of the password in percent encoding (@ is %40)."
)


class InvalidDatabaseUrlError(ValueError):
    """A text is not a database URL; the message does not repeat it."""

    def __init__(self) -> None:
        super().__init__(_INVALID)


def parse_database_url(text: str) -> URL:
    """Return the parts of a database URL.

    Raises:
        InvalidDatabaseUrlError: it is none, or its password has characters that need percent encoding.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The error that is dropped repeats a part of the text.
        raise InvalidDatabaseUrlError from None
    if "@" in (url.host or ""):
        # The rest of a password, which the driver would report as a host that it cannot find.
        raise InvalidDatabaseUrlError
    return url
