"""Request bodies: size, encoding and JSON are checked once, before a model validates the data."""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, current_app, request
from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json

from services.web.body_transfer import TransferRequest
from services.web.problems import Problem
from services.web.text import REPLACEMENT, replace_unstorable

MAX_BODY = 64 * 1024  # bytes
# Preceded by an even number of backslashes: an odd one would escape the backslash itself.
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
# The escapes of a JSON text, one by one: a pair of surrogates, what no database stores, any other.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<unstorable>\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))"
    r"|\\."
)


class StrictModel(BaseModel):
    """Base of all bodies and queries; refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the JSON schema, cached: flask-openapi3 calls this at every request with a query."""
        if args or kwargs:
            return super().model_json_schema(*args, **kwargs)
        cached = cls.__dict__.get("_cached_schema")
        if cached is None:
            cached = super().model_json_schema()
            type.__setattr__(cls, "_cached_schema", cached)
        return dict(cached)


class StrictRequest(TransferRequest):
    """A request whose invalid JSON always raises a problem, also when a library passes `silent=True`."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ARG002
        """Return the parsed body.

        Raises:
            Problem: 413 for a large body, 415 for another content type, 400 for broken JSON, 422 for no object.
        """
        document = self.__dict__.get("_parsed")
        if document is None:
            # A request without a body has no content type either; its problem is the empty body.
            if not force and not self.is_json and (self.content_length or self.content_type):
                detail = "Send the body as JSON with the header Content-Type: application/json."
                raise Problem(415, "Unsupported media type", detail)
            data = self.get_data(cache=cache)
            # A chunked body has no Content-Length; Werkzeug truncates it at its limit.
            _check_size(len(data))
            document = self.__dict__["_parsed"] = parse_object(data)
        return document


def parse_object(data: bytes, *, replace: bool = False) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        data: the body.
        replace: put U+FFFD in the place of NUL and of halves of surrogate pairs, which are refused otherwise. For
            senders that do not send a refused body again.

    Raises:
        Problem: 400 for broken UTF-8 and broken JSON, 422 for another value than an object.
    """
    try:
        text = _decode_replacing(data) if replace else data.decode()
    except UnicodeDecodeError as error:
        detail = f"The body is not valid UTF-8 at byte {error.start}. Encode it in UTF-8."
        raise Problem(400, "Broken encoding", detail) from None
    if not text.strip():
        raise Problem(400, "Empty body", "The body is empty. Send a JSON object.")
    try:
        # pydantic's parser also refuses NaN, Infinity, half of a surrogate pair and deep nesting.
        document = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        title = "Broken encoding" if "hex escape" in str(error) else "Broken JSON"
        raise Problem(400, title, f"The body is not valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise Problem(422, "Invalid request", "The body must be a JSON object, as in {}.", "/problems/invalid-request")
    # No database stores a NUL character.
    if not replace and _ESCAPED_NUL.search(text):
        raise Problem(400, "Broken encoding", "The body has the character \\u0000. Leave it out.")
    return document


def _decode_replacing(data: bytes) -> str:
    """Decode a JSON text; U+FFFD replaces what no database stores, escaped or not."""
    text = replace_unstorable(data.decode("utf-8", "surrogatepass"))
    return _ESCAPE.sub(lambda escape: REPLACEMENT if escape["unstorable"] else escape[0], text)


def init_app(app: Flask, max_body: int = MAX_BODY) -> None:
    """Refuse bodies of more than `max_body` bytes and broken encodings on every route."""
    app.request_class = StrictRequest
    app.config["MAX_BODY"] = max_body
    # One byte more than allowed: a truncated body is then larger than the limit.
    app.config["MAX_CONTENT_LENGTH"] = max_body + 1

    @app.before_request
    def check_request() -> None:
        _check_size(request.content_length or 0)
        _check_encoding("path", request.environ.get("PATH_INFO", "").encode("latin-1"))
        _check_encoding("query", unquote_to_bytes(request.query_string))


def _check_size(size: int) -> None:
    limit = current_app.config["MAX_BODY"]
    if size > limit:
        raise Problem(413, "Body too large", f"The body is larger than the limit of {limit} bytes.")


def _check_encoding(part: str, data: bytes) -> None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "Broken encoding", f"The {part} is not valid UTF-8. Encode it in UTF-8.") from None
    if "\0" in text:
        raise Problem(400, "Broken encoding", f"The {part} has a NUL character. Leave it out.")
