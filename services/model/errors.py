"""Errors as the OpenAI API sends them: {"error": {"message", "type", "param", "code"}}."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Response
from pydantic import ValidationError


@dataclass(eq=False)
class ApiError(Exception):
    """An error that a client of /v1 receives. Any code below a view may raise it."""

    status: int
    message: str
    kind: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return the HTTP response."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        body = json.dumps({"error": error})
        return Response(body, self.status, headers=self.headers, content_type="application/json")


def missing_key() -> ApiError:
    """Return 401: the request has no API key."""
    return ApiError(
        401,
        "You didn't provide an API key. Provide it in the Authorization header with Bearer authentication "
        "(Authorization: Bearer YOUR_KEY).",
    )


def cors_not_supported() -> ApiError:
    """Return 403: a browser asks whether a web page of another origin may call."""
    message = "Calls from web pages of other origins (CORS) are not supported. Call the API from a server."
    return ApiError(403, message, code="cors_not_supported")


def unknown_model(name: str) -> ApiError:
    """Return 404: there is no such model."""
    message = f"The model `{name[:100]}` does not exist or you do not have access to it."
    return ApiError(404, message, code="model_not_found")


def throttled(model: str, retry_after_seconds: int) -> ApiError:
    """Return 429 with Retry-After."""
    message = f"Rate limit reached for {model} on requests per min (RPM). Please try again in {retry_after_seconds}s."
    headers = {"Retry-After": str(retry_after_seconds), "retry-after-ms": str(retry_after_seconds * 1000)}
    return ApiError(429, message, "requests", code="rate_limit_exceeded", headers=headers)


def server_error(status: int) -> ApiError:
    """Return a 5xx: 503 for an overloaded server, any other for a failure."""
    if status == 503:
        message = "The engine is currently overloaded, please try again later."
        return ApiError(503, message, "service_unavailable_error", code="service_unavailable")
    return ApiError(status, "The server had an error while processing your request. Sorry about that!", "server_error")


def client_closed_request() -> ApiError:
    """Return 499, nginx's status for a connection that the client closed. It is visible in telemetry only."""
    return ApiError(499, "The client closed the connection.", "client_closed_request")


def invalid_request(error: ValidationError) -> ApiError:
    """Return 400 for the first invalid parameter, without its value, which may be personal."""
    first = error.errors(include_url=False, include_input=False)[0]
    param = _parameter(first["loc"])
    if first["type"] == "missing":
        message = f"Missing required parameter: '{param}'."
        return ApiError(400, message, param=param, code="missing_required_parameter")
    name = f"'{param}'" if param else "parameter"  # without a parameter two of them contradict each other
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    message = f"Invalid {name}: {reason[:1].lower()}{reason[1:]}."
    return ApiError(400, message, param=param or None, code=_code(first["type"]))


def _parameter(location: tuple[int | str, ...]) -> str:
    """Return "messages[0].role" for ("messages", 0, "role"), without the names of pydantic's union branches."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier() and part != "str" and not part[0].isupper():
            path += f".{part}" if path else part
    return path


def _code(kind: str) -> str:
    if kind.startswith("less_than"):
        return "decimal_above_max_value"
    if kind.startswith("greater_than"):
        return "decimal_below_min_value"
    return "invalid_type" if kind.endswith(("_type", "_parsing")) else "invalid_value"
