"""The context of the current request, which every log line and the server span carry."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class RequestContext:
    """One request.

    `user_id` is already hashed; `started` is `time.perf_counter()` at its first hook; `outcome` is what a route
    reports for AI_REQUESTS, empty: the status decides.
    """

    request_id: str = ""
    business_id: str = ""
    user_id: str = ""
    started: float = 0.0
    outcome: str = ""


REQUEST: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def current() -> RequestContext | None:
    """Return the context of the current request; None outside of a request."""
    return REQUEST.get()
