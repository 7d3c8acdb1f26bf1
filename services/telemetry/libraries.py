"""Log records of libraries, written as masked and rate-limited lines of the service."""

import contextlib
import logging
import time
from collections.abc import Callable

# Seconds between two lines of a library that repeats itself while its peer is unreachable.
QUIET_SECONDS = 60.0
# The exporter and its HTTP client log every attempt while the Collector is unreachable.
REPEATERS = ("opentelemetry", "urllib3", "requests")

Write = Callable[[logging.LogRecord], None]


class RateLimitFilter(logging.Filter):
    """Passes one record per minute of each repeating library."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        library = record.name.split(".", 1)[0]
        if library not in REPEATERS:
            return True
        now = self._clock()
        if now - self._last.get(library, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        self._last[library] = now
        return True


class LibraryHandler(logging.Handler):
    """Passes records of the root logger to `write`, from WARNING on: httpx and werkzeug log each call at INFO."""

    def __init__(self, write: Write) -> None:
        super().__init__(logging.WARNING)
        self._write = write
        self.addFilter(RateLimitFilter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; a failure is ignored, because the library's call must not fail."""
        with contextlib.suppress(Exception):
            self._write(record)


def message(record: logging.LogRecord) -> str:
    """Return the record's message, or its template if the arguments do not fit."""
    try:
        return record.getMessage()
    except Exception:
        return str(record.msg)


def attach(write: Write) -> LibraryHandler | None:
    """Add our handler to the root logger; return None if another app of this process has added one."""
    root = logging.getLogger()
    if any(isinstance(handler, LibraryHandler) for handler in root.handlers):
        return None
    handler = LibraryHandler(write)
    root.addHandler(handler)
    return handler


def detach(handler: LibraryHandler | None) -> None:
    """Remove our handler from the root logger."""
    if handler is not None:
        logging.getLogger().removeHandler(handler)
