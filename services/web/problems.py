"""Errors as RFC 9457 problem documents with the trace id and advice, without stack traces."""

import json
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus

from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from services.telemetry import get_telemetry, names
from services.telemetry.core import Telemetry
from services.telemetry.http import matched_route

CONTENT_TYPE = "application/problem+json"
PREFIX = "/problems/"

OnProblem = Callable[["Problem"], None]


class Problem(Exception):  # noqa: N818 - the name of the RFC
    """An error that is sent as a problem document (https://www.rfc-editor.org/rfc/rfc9457). Raise it in any view."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        type: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        **extra: object,
    ) -> None:
        """Create a problem.

        Args:
            status: the HTTP status.
            title: what happened, the same for every such problem.
            detail: what happened this time and what to do.
            type: `/problems/<slug>`; by default the slug of the title.
            headers: added to the response, as Retry-After.
            extra: further members of the document.
        """
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.type = type or PREFIX + slug(title)
        self.headers = headers or {}
        self.extra = extra

    @property
    def reason(self) -> str:
        """The slug of the type, a bounded label value."""
        return self.type.rsplit("/", 1)[-1]


def slug(text: str) -> str:
    """Convert a title to the slug of a type: `Unknown business` -> `unknown-business`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


# Details of errors raised by Flask; all others have the standard phrase.
_ADVICE = {
    400: "The request could not be read. Send well-formed JSON encoded in UTF-8.",
    404: "This path does not exist. /openapi.json lists all paths.",
    405: "This path does not support the method. The header Allow lists the supported ones.",
    413: "The body is too large. Send less.",
    415: "Send the body as JSON with the header Content-Type: application/json.",
}


# Names of statuses that differ between versions of Python.
_TITLES = {413: "Body too large", 416: "Range not satisfiable"}


def from_http(error: HTTPException) -> Problem:
    """Convert an error of Flask or Werkzeug."""
    status = error.code or 500
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    headers = {}
    if valid := getattr(error, "valid_methods", None):
        headers["Allow"] = ", ".join(valid)
    return Problem(status, _TITLES.get(status, phrase), _ADVICE.get(status, phrase + "."), headers=headers)


def from_validation(error: ValidationError, parent: str = "") -> Problem:
    """Convert a validation error to a 422 that lists each invalid field. It repeats no value: values may be personal.

    `parent` is the field of the body that was validated; the whole body by default.
    """
    root = (parent,) if parent else ()
    errors = [
        {
            "field": ".".join(str(part) for part in (*root, *item["loc"])) or "body",
            "message": _advise(item["type"], item["msg"]),
        }
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    fields = ", ".join(item["field"] for item in errors[:5])
    return Problem(422, "Invalid request", f"Invalid fields: {fields}.", "/problems/invalid-request", errors=errors)


def _advise(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "unknown field; leave it out"
    if kind == "missing":
        return "required; add it"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "must be a JSON object"
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def count_rejections(telemetry: Telemetry, reasons: Sequence[str] = (), route: str = names.OTHER) -> OnProblem:
    """Return a hook for `init_app` that counts 4xx responses as REJECTED; `reasons` start at 0 for `route`."""
    counter = telemetry.counter(
        names.REJECTED,
        "Requests rejected as invalid (4xx).",
        names.REJECTED_LABELS,
        initial=[{"route": route, "reason": reason} for reason in reasons],
    )

    def count(problem: Problem) -> None:
        if problem.status < 500:
            telemetry.inc(counter, route=matched_route(), reason=problem.reason)

    return count


def init_app(app: Flask, on_problem: OnProblem | None = None) -> None:
    """Answer every error of the app with a problem document, log it, and call `on_problem`."""

    def respond(problem: Problem, cause: BaseException | None = None) -> Response:
        _log(problem, cause)
        if on_problem is not None:
            on_problem(problem)
        return to_response(problem)

    @app.errorhandler(Problem)
    def declared(problem: Problem) -> Response:
        return respond(problem, problem if problem.status >= 500 else None)

    @app.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> Response:
        return respond(from_validation(error))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:  # redirects do not come here
        return respond(from_http(error))

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        detail = "The service failed. Search its logs for this trace id."
        return respond(Problem(500, "Internal server error", detail), error)


def _log(problem: Problem, cause: BaseException | None) -> None:
    telemetry = get_telemetry()
    fields = {"status": problem.status, "reason": problem.reason, "route": matched_route()}
    if problem.status < 500:
        telemetry.log("application", "problem", problem.title, level="warning", logger="problems", **fields)
    elif cause is None:
        telemetry.log("error", "problem", problem.title, level="error", logger="problems", **fields)
    else:
        telemetry.exception(problem.title, cause, event="problem", logger="problems", **fields)


def to_response(problem: Problem) -> Response:
    """Build the response; `instance` is the requested path."""
    document: dict[str, object] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
        "trace_id": get_telemetry().current_trace_id(),
        **problem.extra,
    }
    response = Response(json.dumps(document, default=str), problem.status, content_type=CONTENT_TYPE)
    response.headers.update(problem.headers)
    return response
