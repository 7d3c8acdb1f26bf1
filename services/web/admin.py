"""The admin door: faults and the log level, for who has the token. Every use is counted, and logged as audit."""

import hmac
from pathlib import Path
from typing import Literal

from flask import Response, jsonify, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from services.telemetry import Telemetry, names
from services.web.bodies import StrictModel
from services.web.faults import FaultOrder, FaultRegistry
from services.web.openapi import SECURITY_SCHEME, problem_responses
from services.web.problems import Problem

ACTIONS = ("faults.list", "faults.on", "faults.off", "log-level")


class LogLevelOrder(StrictModel):
    """The body of PUT /admin/log-level."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class FaultName(BaseModel):
    """The path of DELETE /admin/faults/{name}."""

    name: str = Field(max_length=64)


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
        action = {"list-faults": "faults.list", "start-fault": "faults.on", "log-level": "log-level"}.get(name)
        return action or ("faults.off" if name.startswith("stop-fault") else names.OTHER)

    def count(self, result: str) -> None:
        """Count the request at hand: ok, refused or invalid."""
        self._telemetry.inc(self._counter, action=self.action(), result=result)


def admin_blueprint(telemetry: Telemetry, token_file: Path | None, faults: FaultRegistry | None = None) -> APIBlueprint:
    """The routes below /admin; register with `app.register_api`. Without faults only the log level can be set."""
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
