"""The smallest service that has everything of `services.telemetry` and `services.web`, for tests under gunicorn."""

import gc
import threading
from collections.abc import Iterator
from typing import Any

from flask import Response
from pydantic import Field

from services.telemetry import Telemetry, TelemetrySettings
from services.web import problems
from services.web.bodies import StrictModel
from services.web.openapi import create_app

telemetry = Telemetry.from_settings(TelemetrySettings())
app = create_app(__name__, telemetry, title="Shop", on_problem=problems.count_rejections(telemetry))


class Wait(StrictModel):
    """How long the answer takes."""

    seconds: float = Field(default=0, ge=0, le=5)


@app.post("/wait")
def wait(body: Wait) -> dict[str, Any]:
    """Answer after a while, with two spans below the server's."""
    with telemetry.tracer.start_as_current_span("outer"), telemetry.tracer.start_as_current_span("inner"):
        threading.Event().wait(body.seconds)
    return {"waited": body.seconds, "frozen": gc.get_freeze_count()}


@app.post("/stream")
def stream(body: Wait) -> Response:
    """Send eight pieces, with a pause after each that takes the given seconds."""

    def pieces() -> Iterator[str]:
        for number in range(8):
            yield f"{number}\n" * 10_000
            threading.Event().wait(body.seconds)

    return Response(pieces(), content_type="text/plain")


@app.get("/ready")
def ready() -> dict[str, str]:
    """Ready at once."""
    return {"status": "ok"}
