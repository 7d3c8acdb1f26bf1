"""Errors as the OpenAI API sends them: {"error": {"message", "type", "param", "code"}}."""

import json
from collections.abc import Mapping
from typing import Any

from flask import Response
from pydantic import ValidationError

_INVALID = "invalid_request_error"


class ApiError(Exception):
    """An error that a client of /v1 receives. Raise it anywhere below a view."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = _INVALID,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        response = Response(json.dumps({"error": error}), self.status, content_type="application/json")
        response.headers.update(self.headers)
        return response


def no_key() -> ApiError:
    """401: the request has no API key."""
    return ApiError(
        401,
        "You didn't provide an API key. Provide it in the Authorization header with Bearer authentication "
        "(Authorization: Bearer YOUR_KEY).",
    )


def unknown_model(name: str) -> ApiError:
    """404: there is no such model."""
    message = f"The model `{name[:100]}` does not exist or you do not have access to it."
    return ApiError(404, message, code="model_not_found")


def throttled(model: str, retry_after: int) -> ApiError:
    """429 with Retry-After in seconds."""
    message = f"Rate limit reached for {model} on requests per min (RPM). Please try again in {retry_after}s."
    headers = {"Retry-After": str(retry_after), "retry-after-ms": str(retry_after * 1000)}
    return ApiError(429, message, "requests", code="rate_limit_exceeded", headers=headers)


def server_error(status: int) -> ApiError:
    """A 5xx: 503 says that the server is overloaded, every other that it failed."""
    if status == 503:
        message = "The engine is currently overloaded, please try again later."
        return ApiError(503, message, "service_unavailable_error", code="service_unavailable")
    return ApiError(status, "The server had an error while processing your request. Sorry about that!", "server_error")


def client_gone() -> ApiError:
    """499, as some proxies call it: the client has closed the connection. Only our own signals see it."""
    return ApiError(499, "The client closed the connection.", "client_closed_request")


def invalid(error: ValidationError) -> ApiError:
    """400 for the first wrong parameter. Values are not repeated: they may be personal."""
    first = error.errors(include_url=False, include_input=False)[0]
    param = parameter(first["loc"])
    if first["type"] == "missing":
        message = f"Missing required parameter: '{param}'."
        return ApiError(400, message, param=param, code="missing_required_parameter")
    if not param:  # two parameters contradict each other
        return ApiError(400, f"Invalid parameter: {_explain(first)}", code=_code(first["type"]))
    return ApiError(400, f"Invalid '{param}': {_explain(first)}", param=param, code=_code(first["type"]))


def parameter(location: tuple[int | str, ...]) -> str:
    """("messages", 0, "role") -> "messages[0].role"; the names of pydantic's union branches are left out."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier() and part != "str" and not part[0].isupper():
            path += f".{part}" if path else part
    return path


def _explain(item: Mapping[str, Any]) -> str:
    message = str(item["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:].rstrip(".") + "."


def _code(kind: str) -> str:
    if kind.startswith(("greater_than", "less_than")):
        return "decimal_above_max_value" if kind.startswith("less") else "decimal_below_min_value"
    if kind.endswith(("_type", "_parsing")):
        return "invalid_type"
    return "invalid_value"
