"""How gunicorn serves our apps: `gunicorn --config services/web/gunicorn.py services.assistant.main:app`.

One process with threads, because prometheus_client has no exemplars in its multi-process mode; scale by replicas.
"""

import os
from typing import Any

bind = [os.environ.get("LISTEN", "127.0.0.1:8080")]
worker_class = "gthread"
workers = 1
threads = int(os.environ.get("THREADS", "32"))
# A worker that does not answer its master for so long is killed; threads that wait for a model do not block it.
timeout = 60
# Seconds that a stop may take: requests at hand are finished, connections that idle are closed after 2, and then the
# spans that wait are sent (2 at most). A worker that needs longer is killed.
graceful_timeout = 5
# Longer than a proxy or a scraper waits between two requests, so that it is never the server who hangs up first.
keepalive = 15
# Access lines are ours, with trace ids; gunicorn's own are off.
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


def post_worker_init(worker: Any) -> None:
    """All is loaded: the collector need not look at it again, and the app may ask us to stop."""
    from services.telemetry.runtime import freeze  # noqa: PLC0415
    from services.web.admin import MASTER  # noqa: PLC0415

    worker.wsgi.extensions[MASTER] = worker.ppid
    freeze()
