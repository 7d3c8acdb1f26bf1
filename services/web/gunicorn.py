"""gunicorn's settings: `gunicorn --config services/web/gunicorn.py services.assistant.main:app`.

One process with threads, because prometheus_client has no exemplars in its multi-process mode; scale by replicas.
"""

import logging
import os
from pathlib import Path
from typing import Any

bind = [os.environ.get("LISTEN", "127.0.0.1:8080")]
worker_class = "gthread"
workers = 1
threads = int(os.environ.get("THREADS", "32"))
# Seconds without a heartbeat after which a worker is killed; threads that wait for a model do not block it.
timeout = 60
# Seconds for a stop: open requests finish, idle connections close after 2, buffered spans are sent (2 at most).
# A worker that needs longer is killed.
graceful_timeout = 5
# Seconds; longer than a proxy or a scraper waits between two requests, so that the client closes first.
keepalive = 15
# Telemetry writes access lines with trace ids.
accesslog = None
errorlog = "-"
loglevel = "warning"
# No socket file: the file system is read-only in compose, and nothing of ours uses it.
control_socket_disable = True
# The heartbeat file must not be on a disk that may block; the folder exists on Linux only.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190


def on_starting(_server: Any) -> None:
    """Write gunicorn's errors to the service's log file, too; each worker inherits that."""
    from services.web.server_errors import ServerErrorHandler  # noqa: PLC0415

    if folder := os.environ.get("LOG_DIR"):
        handler = ServerErrorHandler(Path(folder), os.environ.get("OTEL_SERVICE_NAME") or "service")
        logging.getLogger("gunicorn.error").addHandler(handler)


def post_worker_init(worker: Any) -> None:
    """Freeze loaded objects for the garbage collector; enable POST /admin/restart and the app's `Connection: close`."""
    from services.telemetry.runtime import freeze  # noqa: PLC0415
    from services.web.admin import MASTER  # noqa: PLC0415

    worker.wsgi.extensions[MASTER] = worker.ppid
    worker.wsgi = forward_close(worker.wsgi)
    freeze()


def forward_close(app: Any) -> Any:
    """Return the app with a `Connection: close` that takes effect: gunicorn drops this header of an app."""

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if ("Connection", "close") in headers:
                # `start_response` is a method of gunicorn's response, which then sends the header itself.
                start_response.__self__.force_close()
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return serve
