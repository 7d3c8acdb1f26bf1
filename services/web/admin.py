"""The admin door: faults, the log level and a restart, for who has the token.

Every use is counted, and logged as audit.
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
from services.web.faults import FaultOrder, FaultRegistry
from services.web.openapi import SECURITY_SCHEME, Responses, problem_responses
from services.web.problems import Problem

ACTIONS = ("faults.list", "faults.on", "faults.off", "log-level", "restart")
# Under this name the app knows the process id of the gunicorn that serves it (services/web/gunicorn.py).
MASTER = "gunicorn_master"


class LogLevelOrder(StrictModel):
    """The body of PUT /admin/log-level."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class FaultName(BaseModel):
    """The path of DELETE /admin/faults/{name}."""

    name: str = Field(max_length=64)


class Restarting(BaseModel):
    """The answer of POST /admin/restart."""

    status: Literal["restarting"] = "restarting"


class AdminDoor:
    """Compares the bearer token of a request with the one in the file. Without a file nobody gets in."""

    def __init__(self, telemetry: Telemetry, token_file: Path | None) -> None:
        self._telemetry = telemetry
        self._token_file = token_file
        self._counter = telemetry.counter(
            names.ADMIN_REQUESTS,
            "Requests to the admin API.",
            names.ADMIN_LABELS,
            initial=[
                {"action": action, "result": result} for action in ACTIONS for result in ("ok", "refused", "invalid")
            ],
        )

    def token(self) -> bytes:
        """The token; empty when there is none. Read each time: it may be renewed while the service runs."""
        try:
            return self._token_file.read_bytes().strip() if self._token_file else b""
        except OSError:
            return b""

    def check(self) -> None:
        """Let the request at hand in.

        Raises:
            Problem: 401, the same for every reason.
        """
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        expected = self.token()
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), expected)
        if expected and same and scheme.lower() == "bearer":
            return
        self.count("refused")
        self._telemetry.log(
            "audit", "admin.refused", "admin request refused", level="warning", logger="admin", action=self.action()
        )
        headers = {"WWW-Authenticate": 'Bearer realm="admin"'}
        raise Problem(401, "Unauthorized", "This address needs the admin token.", headers=headers)

    def action(self) -> str:
        """The name of what the request at hand asks for; one of ACTIONS, or `other`."""
        name = (request.endpoint or "").rsplit(".", 1)[-1].replace("_", "-")
        known = {"list-faults": "faults.list", "start-fault": "faults.on"}
        action = name if name in ("log-level", "restart") else known.get(name)
        return action or ("faults.off" if name.startswith("stop-fault") else names.OTHER)

    def count(self, result: str) -> None:
        """Count the request at hand: ok, refused or invalid."""
        self._telemetry.inc(self._counter, action=self.action(), result=result)


def admin_blueprint(
    telemetry: Telemetry, token_file: Path | None, faults: FaultRegistry | None = None, *, restart: bool = False
) -> APIBlueprint:
    """The routes below /admin; register with `app.register_api`.

    Without faults only the log level can be set; with `restart` the service can be told to stop, so that whoever
    keeps it running starts it anew.
    """
    door = AdminDoor(telemetry, token_file)
    admin = APIBlueprint(
        "admin",
        __name__,
        url_prefix="/admin",
        abp_security=[{SECURITY_SCHEME: []}],
        abp_responses=problem_responses(401),
    )
    admin.before_request(door.check)

    @admin.after_request
    def count(response: Response) -> Response:
        if response.status_code != 401:
            door.count("ok" if response.status_code < 400 else "invalid")
        return response

    @admin.put("/log-level", summary="Set the log level")
    def log_level(body: LogLevelOrder) -> Response:
        telemetry.set_log_level(body.level)
        telemetry.log("audit", "log-level", f"log level {body.level}", logger="admin", log_level=body.level)
        return jsonify(level=body.level)

    if faults is not None:
        _add_faults(admin, faults)
    if restart:
        _add_restart(admin, telemetry)
    return admin


def _add_faults(admin: APIBlueprint, faults: FaultRegistry) -> None:
    @admin.get("/faults", summary="Faults that can be switched on, and those that are")
    def list_faults() -> Response:
        return jsonify(faults.document())

    @admin.post("/faults", summary="Switch a fault on")
    def start_fault(body: FaultOrder) -> tuple[Response, int]:
        return jsonify(faults.start(body).document()), 201

    @admin.delete("/faults", summary="Switch all faults off")
    def stop_faults() -> tuple[str, int]:
        faults.stop()
        return "", 204

    @admin.delete("/faults/<name>", summary="Switch one fault off")
    def stop_fault(path: FaultName) -> tuple[str, int]:
        faults.stop(path.name)
        return "", 204


_RESTART: Responses = {"202": Restarting, **problem_responses(409)}


def _add_restart(admin: APIBlueprint, telemetry: Telemetry) -> None:
    @admin.post("/restart", summary="Stop the service; its restart policy starts it anew", responses=_RESTART)
    def restart() -> tuple[Response, int]:
        master = current_app.extensions.get(MASTER)
        if master is None:
            raise Problem(409, "Nobody would restart it", "This service does not run under gunicorn. Stop it by hand.")
        telemetry.log("audit", "admin.restart", "restart ordered", level="warning", logger="admin", master=master)
        response = jsonify(Restarting().model_dump())
        # Once the answer is sent. gunicorn then finishes the requests at hand, and ends.
        response.call_on_close(lambda: _ask_to_stop(master))
        return response, 202


def _ask_to_stop(process_id: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it is on its way out already
        os.kill(process_id, signal.SIGTERM)
