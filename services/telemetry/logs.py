"""JSON log lines, one object per line, to a rotating file and to stdout.

Logging costs the request CPU, so a line is formatted once and written with one unbuffered system call.
A line that cannot be written is counted and dropped; logging never raises.
"""

import contextlib
import io
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from pythonjsonlogger.json import JsonEncoder

from services.telemetry import privacy

# Seconds between two attempts to open a log file.
REOPEN_AFTER = 1.0
_MAX_STACK = 8000

_encode = JsonEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def _serialize(data: Any) -> str:
    # json.dumps would build an encoder for each line.
    try:
        return _encode(data)
    except (ValueError, TypeError, RecursionError):
        # JSON cannot represent a value (NaN, a cycle, odd keys): write its text.
        return _encode({key: value if isinstance(value, (str, int)) else str(value) for key, value in data.items()})


class LineFormatter(logging.Formatter):
    """Formats a record whose message is a mapping of fields, once for all handlers."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its newline."""
        line: str | None = record.__dict__.get("_line")
        if line is None:
            line = record.__dict__["_line"] = _serialize(record.msg)
        return line


@lru_cache(maxsize=2)
def _format_second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))


def timestamp(seconds: float) -> str:
    """Format seconds since the epoch as RFC 3339 in UTC with microseconds."""
    whole, micros = divmod(int(seconds * 1_000_000), 1_000_000)
    return f"{_format_second(whole)}.{micros:06d}Z"


def new_line(service: str, kind: str, event: str, message: str, *, level: str, logger: str = "") -> dict[str, object]:
    """Return the fields that every line has, with the current time; the message is masked.

    Args:
        service: that writes it.
        kind: one of names.KINDS.
        event: a stable name to query by.
        message: the fact.
        level: debug, info, warning or error.
        logger: by default the service's name.
    """
    return {
        "timestamp": timestamp(time.time()),
        "level": level,
        "logger": logger or service,
        "event": event,
        "message": privacy.mask(message),
        "kind": kind,
        "service": service,
    }


def add_fields(line: dict[str, object], fields: Mapping[str, object]) -> None:
    """Add fields to a line: texts are masked, None is omitted."""
    for key, value in fields.items():
        if value is not None:
            line[key] = privacy.mask(value) if type(value) is str else value


def exception_fields(exc: BaseException) -> dict[str, str]:
    """Return type, message and stack of an exception as fields of a line."""
    stack = "".join(traceback.format_exception(exc))[-_MAX_STACK:]
    return {"error_type": type(exc).__qualname__, "error_message": str(exc), "stack": stack}


class LineFile(RotatingFileHandler):
    """A rotating file that appends each line with one unbuffered write.

    The standard handler formats twice and flushes a buffer, which has half a line after a full disk; only its rotation
    is used. `on_error` is called for each lost line.
    """

    def __init__(self, path: Path, max_bytes: int, backups: int, on_error: Callable[[], None]) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=backups, delay=True)
        self._on_error = on_error
        self._file: io.FileIO | None = None
        self._size = 0
        self._torn = False
        self._next_try = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line; the caller holds the handler's lock."""
        try:
            data = self.format(record).encode() + b"\n"
            if self._size and self._size + len(data) > self.maxBytes:
                self._rotate()
            self._write(self._file or self._open_file(), data)
        except Exception:
            self._on_error()

    def close(self) -> None:
        """Close the file; the next line reopens it."""
        with self.lock or contextlib.nullcontext():
            self._close_file()
        super().close()

    def _open_file(self) -> io.FileIO:
        now = time.monotonic()
        if now < self._next_try:
            raise OSError("the log file could not be opened a moment ago")
        self._next_try = now + REOPEN_AFTER
        path = Path(self.baseFilename)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = file = path.open("ab", buffering=0)
        self._size = os.fstat(file.fileno()).st_size
        self._next_try = 0.0
        return file

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._size = None, 0

    def _write(self, file: io.FileIO, data: bytes) -> None:
        # A full disk truncated the previous line: end it, so that this one is valid.
        if self._torn:
            data = b"\n" + data
        written = file.write(data) or 0
        self._size += written
        self._torn = 0 < written < len(data) or (self._torn and written == 0)
        if written < len(data):
            raise OSError("the line was cut off")

    def _rotate(self) -> None:
        self._close_file()
        try:
            self.doRollover()
        except OSError:
            # Keep writing to the large file; the next line tries to rotate again.
            self._on_error()


class LineStream(logging.StreamHandler[Any]):
    """Writes lines to stdout; counts lines lost to a closed pipe."""

    def __init__(self, on_error: Callable[[], None]) -> None:
        super().__init__(sys.stdout)
        self._on_error = on_error

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - the parent's name
        """Count the lost line."""
        self._on_error()


class LineLogger:
    """Writes mappings as lines to its handlers, from its level on."""

    def __init__(self, level: str, handlers: list[logging.Handler]) -> None:
        self.handlers = handlers
        self.set_level(level)
        formatter = LineFormatter()
        for handler in handlers:
            handler.setFormatter(formatter)

    def set_level(self, level: str) -> None:
        """Set the level: DEBUG, INFO, WARNING or ERROR.

        Raises:
            ValueError: another level.
        """
        number = logging.getLevelNamesMapping().get(level.upper())
        if number is None or not logging.DEBUG <= number <= logging.ERROR:
            raise ValueError(f"{level!r} is not a log level; use DEBUG, INFO, WARNING or ERROR")
        self.level = number

    def is_enabled(self, level: int, always: bool) -> bool:
        """Return whether a line of this level is written; with `always` (audit) at every level."""
        return bool(self.handlers) and (always or level >= self.level)

    def write(self, level: int, fields: Mapping[str, object]) -> None:
        """Write one line with these fields."""
        record = logging.LogRecord("", level, "", 0, fields, None, None)
        for handler in self.handlers:
            handler.handle(record)

    def close(self) -> None:
        """Close the handlers."""
        for handler in self.handlers:
            handler.close()
