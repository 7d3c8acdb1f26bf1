"""Lines that libraries write through the standard `logging`: made into lines of ours, masked, and rate limited."""

import logging
import time
from collections.abc import Callable

# Seconds between two lines of one kind from a library that repeats itself while its peer is away.
QUIET_SECONDS = 60.0
# The exporter complains at every try while the Collector is away, and so does the HTTP client under it.
REPEATERS = ("opentelemetry", "urllib3", "requests")

Write = Callable[[logging.LogRecord], None]


class OncePerMinute(logging.Filter):
    """Lets one line a minute of each repeating library through."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        library = record.name.split(".", 1)[0]
        if library not in REPEATERS:
            return True
        now = self._clock()
        if now - self._last.get(library, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        self._last[library] = now
        return True


class LibraryHandler(logging.Handler):
    """Hands the records of the root logger to `write`. WARNING and above: httpx and werkzeug log each call at INFO."""

    def __init__(self, write: Write) -> None:
        super().__init__(logging.WARNING)
        self._write = write
        self.addFilter(OncePerMinute())

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as a line of ours."""
        try:
            self._write(record)
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the parent's name
        """Nothing: a library's line is not worth a traceback on stderr."""


def message(record: logging.LogRecord) -> str:
    """The record's message; its template where a library's arguments do not fit."""
    try:
        return record.getMessage()
    except Exception:
        return str(record.msg)


def attach(write: Write) -> LibraryHandler | None:
    """Take over the root logger unless another app of this process has it; None if so."""
    root = logging.getLogger()
    if any(isinstance(handler, LibraryHandler) for handler in root.handlers):
        return None
    handler = LibraryHandler(write)
    root.addHandler(handler)
    return handler


def detach(handler: LibraryHandler | None) -> None:
    """Give the root logger back."""
    if handler is not None:
        logging.getLogger().removeHandler(handler)
