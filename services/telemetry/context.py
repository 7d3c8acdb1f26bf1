"""What is known about the request at hand; every log line and the server span carry it."""

from contextvars import ContextVar, Token
from dataclasses import dataclass


@dataclass(slots=True)
class RequestContext:
    """One request. `user_id` is already hashed; `started` is `time.perf_counter()` at its first hook."""

    request_id: str = ""
    business_id: str = ""
    user_id: str = ""
    started: float = 0.0


_current: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def current() -> RequestContext | None:
    """The context of the request at hand; None outside of a request."""
    return _current.get()


def enter(context: RequestContext) -> Token[RequestContext | None]:
    """Make the context current; give the token to `leave`."""
    return _current.set(context)


def leave(token: Token[RequestContext | None]) -> None:
    """Make the context current that was so before."""
    _current.reset(token)
