"""Reading what clients send: size, encoding and JSON are checked once, before any model sees the data."""

import json
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import Flask, Request, current_app, request
from pydantic import BaseModel, ConfigDict, ValidationError

from services.web.problems import Problem, from_validation

MAX_BODY = 64 * 1024

Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """The base of everything that comes in: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The JSON schema; made once, because flask-openapi3 asks for it at every request with a query."""
        if args or kwargs:
            return super().model_json_schema(*args, **kwargs)
        cached = cls.__dict__.get("_cached_schema")
        if cached is None:
            cached = super().model_json_schema()
            type.__setattr__(cls, "_cached_schema", cached)
        return dict(cached)


class StrictRequest(Request):
    """A request whose JSON is either right or a problem: `silent=True` of a library does not hide it."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ARG002
        """The parsed body.

        Raises:
            Problem: 413 for too much, 415 for another content type, 400 for no JSON, 422 for no JSON object.
        """
        found = self.__dict__.get("_parsed")
        if found is None:
            # Nobody names the type of a body that is not there: the empty body is what there is to mend.
            if not force and not self.is_json and (self.content_length or self.content_type):
                detail = "Send the body as JSON with the header Content-Type: application/json."
                raise Problem(415, "Unsupported media type", detail)
            data = self.get_data(cache=cache)
            # A body sent in chunks has no length to look at; Werkzeug cuts it off at its limit without a word.
            _check_size(len(data))
            found = parse_object(data)
            self.__dict__["_parsed"] = found
        return found


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object in these bytes.

    Raises:
        Problem: 400 for broken UTF-8 and broken JSON, 422 for another value than an object.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"The body is no valid UTF-8 at byte {error.start}. Encode it in UTF-8."
        raise Problem(400, "Broken encoding", detail) from None
    if not text.strip():
        raise Problem(400, "Empty body", "The body is empty. Send a JSON object.")
    try:
        found = json.loads(text, parse_constant=_no_constant)
        # JSON can spell half a character and the character NUL; no database takes either.
        unstorable = "\\u" in text and _unstorable(found)
    except json.JSONDecodeError as error:
        detail = f"The body is no valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise Problem(400, "Broken JSON", detail) from None
    except (ValueError, RecursionError):
        detail = "The body holds a number that is too large, NaN or Infinity, or is nested too deeply."
        raise Problem(400, "Broken JSON", detail) from None
    if not isinstance(found, dict):
        raise Problem(422, "Invalid request", "The body must be a JSON object, as in {}.", "/problems/invalid-request")
    if unstorable:
        detail = "The body has \\u0000 or half of a surrogate pair in a text. Leave it out."
        raise Problem(400, "Broken encoding", detail)
    return found


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _unstorable(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value or any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return any(_unstorable(key) or _unstorable(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_unstorable, value))


def parse_body(model: type[Model]) -> Model:
    """The body of the request at hand as the model.

    Raises:
        Problem: 4xx that says what to mend.
    """
    try:
        return model.model_validate(request.get_json())
    except ValidationError as error:
        raise from_validation(error) from None


def init_app(app: Flask, max_body: int = MAX_BODY) -> None:
    """Refuse bodies of more than `max_body` bytes and broken encodings for every route of the app."""
    app.request_class = StrictRequest
    app.config["MAX_BODY"] = max_body
    # One more than is allowed, to tell what was cut off from what just fits.
    app.config["MAX_CONTENT_LENGTH"] = max_body + 1

    @app.before_request
    def readable() -> None:
        _check_size(request.content_length or 0)
        _check_encoding("path", request.environ.get("PATH_INFO", "").encode("latin-1"))
        _check_encoding("query", unquote_to_bytes(request.query_string))


def _check_size(size: int) -> None:
    limit = current_app.config["MAX_BODY"]
    if size > limit:
        raise Problem(413, "Body too large", f"The body is larger than the limit of {limit} bytes.")


def _check_encoding(where: str, data: bytes) -> None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "Broken encoding", f"The {where} is no valid UTF-8. Encode it in UTF-8.") from None
    if "\0" in text:
        raise Problem(400, "Broken encoding", f"The {where} has a NUL character. Leave it out.")
