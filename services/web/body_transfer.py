"""How a body is transferred: its encoding, and the connection of a request whose body is not read."""

import math
from typing import Any, cast

from flask import Flask, Request, Response, request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from services.web.problems import Problem

_IDENTITY = "identity"


class TransferRequest(Request):
    """A request that knows whether its body was read to the end, and whose broken chunks are an error of the client."""

    is_body_read = False

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body, as Werkzeug does; all of our code reads it here.

        Raises:
            Problem: 400 for broken chunks.
        """
        try:
            data = super().get_data(*args, **kwargs)
        except (ParseException, OSError):
            detail = "The chunks of the body are broken or end too early. Send the body with a Content-Length."
            raise Problem(400, "Broken transfer", detail) from None
        # Werkzeug ends a body of unknown length at the limit.
        self.is_body_read = not self.is_chunked or len(data) < (self.max_content_length or math.inf)
        return data

    @property
    def is_chunked(self) -> bool:
        """Whether the length of the body is not known before it is read."""
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    @property
    def has_body(self) -> bool:
        """Whether there is a body that is not empty, or one of unknown length."""
        return bool(self.content_length) or self.is_chunked


def init_app(app: Flask) -> None:
    """Refuse encoded bodies on every route, and close connections on which a part of a body is left unread."""
    app.request_class = TransferRequest

    @app.before_request
    def check_encoding() -> None:
        codings = {coding.strip().lower() for coding in request.headers.get("Content-Encoding", "").split(",")}
        if _current().has_body and not codings <= {_IDENTITY, ""}:
            detail = "The body has a Content-Encoding. Send it as it is (identity), without this header."
            headers = {"Accept-Encoding": _IDENTITY}
            raise Problem(415, "Unsupported content encoding", detail, headers=headers)

    @app.after_request
    def announce_close(response: Response) -> Response:
        # The server would take the rest of the body for the next request, or close without a word.
        if _current().has_body and not _current().is_body_read:
            response.headers["Connection"] = "close"
        return response


def _current() -> TransferRequest:
    return cast(TransferRequest, request)
