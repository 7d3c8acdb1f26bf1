"""W3C baggage of clients (https://www.w3.org/TR/baggage/): it ends at our services, unless its name is allowed.

Instrumentations copy the baggage of a request to each call that it causes, so also to the model provider.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HEADER = "HTTP_BAGGAGE"


def select_members(header: str, allowed: Collection[str]) -> str:
    """Return the members of a baggage header whose names are allowed, as they were sent."""
    members = (member.strip() for member in header.split(","))
    return ",".join(member for member in members if member.partition("=")[0].strip() in allowed)


def filter_baggage(app: "WSGIApplication", allowed: Collection[str]) -> "WSGIApplication":
    """Return the app behind a filter that removes other members from each request's baggage."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        header = environ.pop(_HEADER, "")
        if members := select_members(header, allowed):
            environ[_HEADER] = members
        return app(environ, start_response)

    return serve
