"""The admin API: faults, the log level and a restart, protected by a bearer token.

Every request is counted and logged as audit.
"""

import contextlib
import hmac
import os
import signal
from pathlib import Path
from typing import Literal

from flask import Response, current_app, jsonify, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from services.telemetry import Telemetry, names
from services.web.bodies import StrictModel
from services.web.faults import FaultRegistry, FaultRequest
from services.web.openapi import SECURITY_SCHEME, Responses, problem_responses
from services.web.problems import Problem

# By the name of the view.
_ACTION_OF_VIEW = {
    "list_faults": "faults.list",
    "start_fault": "faults.on",
    "stop_faults": "faults.off",
    "stop_fault": "faults.off",
    "log_level": "log-level",
    "restart": "restart",
}
ACTIONS = tuple(dict.fromkeys(_ACTION_OF_VIEW.values()))
# Key in `app.extensions` of gunicorn's process id (services/web/gunicorn.py).
MASTER = "gunicorn_master"


class LogLevelRequest(StrictModel):
    """The body of PUT /admin/log-level."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class FaultPath(BaseModel):
    """The path of DELETE /admin/faults/{name}."""

    name: str = Field(max_length=64)


class RestartResponse(BaseModel):
    """The response of POST /admin/restart."""

    status: Literal["restarting"] = "restarting"


class AdminToken:
    """The admin token, kept in a file. Without a file no request carries it."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def _read(self) -> bytes:
        """Return the token, empty when there is none. Read each time: it may be renewed while the service runs."""
        try:
            return self._file.read_bytes().strip() if self._file else b""
        except OSError:
            return b""

    def is_sent(self) -> bool:
        """Return whether the current request carries the token as a bearer token."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expected = self._read()
        same = hmac.compare_digest(token.strip().encode("utf-8", "surrogateescape"), expected)
        return bool(expected) and same and scheme.lower() == "bearer"


class AdminAuth:
    """Requires the admin token of requests to the admin API; counts and logs them."""

    def __init__(self, telemetry: Telemetry, token: AdminToken) -> None:
        self._telemetry = telemetry
        self._token = token
        self._counter = telemetry.counter(
            names.ADMIN_REQUESTS,
            "Requests to the admin API.",
            names.ADMIN_LABELS,
            initial=[
                {"action": action, "result": result} for action in ACTIONS for result in ("ok", "refused", "invalid")
            ],
        )

    def check(self) -> None:
        """Check the current request.

        Raises:
            Problem: 401, the same for every reason.
        """
        if self._token.is_sent():
            return
        self.count("refused")
        self._telemetry.log(
            "audit", "admin.refused", "admin request refused", level="warning", logger="admin", action=self.action()
        )
        headers = {"WWW-Authenticate": 'Bearer realm="admin"'}
        raise Problem(401, "Unauthorized", "Send the admin token as a bearer token.", headers=headers)

    def action(self) -> str:
        """Return the action of the current request: one of ACTIONS, or `other`."""
        return _ACTION_OF_VIEW.get((request.endpoint or "").rsplit(".", 1)[-1], names.OTHER)

    def count(self, result: str) -> None:
        """Count the current request: ok, refused or invalid."""
        self._telemetry.inc(self._counter, action=self.action(), result=result)


def admin_blueprint(
    telemetry: Telemetry, token_file: Path | None, faults: FaultRegistry | None = None, *, restart: bool = False
) -> APIBlueprint:
    """Create the routes below /admin; register them with `app.register_api`.

    Args:
        telemetry: of the service.
        token_file: holds the bearer token; None: every request is refused.
        faults: that the API switches; None: it has no fault routes.
        restart: whether POST /admin/restart exists.
    """
    auth = AdminAuth(telemetry, AdminToken(token_file))
    admin = APIBlueprint(
        "admin",
        __name__,
        url_prefix="/admin",
        abp_security=[{SECURITY_SCHEME: []}],
        abp_responses=problem_responses(401),
    )
    admin.before_request(auth.check)

    @admin.after_request
    def count(response: Response) -> Response:
        if response.status_code != 401:
            auth.count("ok" if response.status_code < 400 else "invalid")
        return response

    @admin.put("/log-level", summary="Set the log level")
    def log_level(body: LogLevelRequest) -> Response:
        telemetry.set_log_level(body.level)
        telemetry.log("audit", "log-level", f"log level {body.level}", logger="admin", log_level=body.level)
        return jsonify(level=body.level)

    if faults is not None:
        _add_faults(admin, faults)
    if restart:
        _add_restart(admin, telemetry)
    return admin


def _add_faults(admin: APIBlueprint, faults: FaultRegistry) -> None:
    @admin.get("/faults", summary="List available and active faults")
    def list_faults() -> Response:
        return jsonify(faults.document())

    @admin.post("/faults", summary="Start a fault")
    def start_fault(body: FaultRequest) -> tuple[Response, int]:
        return jsonify(faults.start(body).document()), 201

    @admin.delete("/faults", summary="Stop all faults")
    def stop_faults() -> tuple[str, int]:
        faults.stop()
        return "", 204

    @admin.delete("/faults/<name>", summary="Stop one fault, by name or id")
    def stop_fault(path: FaultPath) -> tuple[str, int]:
        faults.stop(path.name)
        return "", 204


_RESTART: Responses = {"202": RestartResponse, **problem_responses(409)}


def _add_restart(admin: APIBlueprint, telemetry: Telemetry) -> None:
    @admin.post("/restart", summary="Restart the service", responses=_RESTART)
    def restart() -> tuple[Response, int]:
        master = current_app.extensions.get(MASTER)
        if master is None:
            raise Problem(409, "Not restartable", "This service does not run under gunicorn. Restart it by hand.")
        telemetry.log("audit", "admin.restart", "restart requested", level="warning", logger="admin", master=master)
        response = jsonify(RestartResponse().model_dump())
        # After the response is sent. gunicorn finishes open requests and exits; the restart policy starts it again.
        response.call_on_close(lambda: _terminate(master))
        return response, 202


def _terminate(process_id: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it exits already
        os.kill(process_id, signal.SIGTERM)
