"""Errors of gunicorn as lines of the service's log file: time-outs, killed workers, and workers that cannot start."""

import logging
from pathlib import Path


class ServerErrorHandler(logging.Handler):
    """Writes gunicorn's errors as lines of kind `error`.

    gunicorn's first process has no telemetry, and of a worker that cannot start or that is killed it alone reports.
    """

    def __init__(self, folder: Path, service: str) -> None:
        super().__init__(logging.ERROR)
        self._path = folder / f"{service}.log"
        self._service = service

    def emit(self, record: logging.LogRecord) -> None:
        """Append one line; a failure is ignored, because gunicorn must go on."""
        try:
            self._write(record)
        except Exception:
            self.handleError(record)

    def _write(self, record: logging.LogRecord) -> None:
        # Here: the first process of a healthy service never loads it.
        from services.telemetry import libraries, logs  # noqa: PLC0415

        message = libraries.message(record)
        line = logs.new_line(self._service, "error", "server.failed", message, level="error", logger=record.name)
        if record.exc_info and record.exc_info[1]:
            logs.add_fields(line, logs.exception_fields(record.exc_info[1]))
        file = logs.LineFile(self._path, max_bytes=0, backups=0, on_error=lambda: None)
        logs.LineLogger("ERROR", [file]).write(logging.ERROR, line)
        # The worker rotates the file: an open one would soon be another.
        file.close()
