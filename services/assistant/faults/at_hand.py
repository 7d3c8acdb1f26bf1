"""What the request at hand is about, as far as a fault can be aimed at it."""

from flask import has_request_context, request

from services.assistant.instruments import ROUTES
from services.telemetry import context
from services.web.problems import Problem


def route() -> str | None:
    """The first part of the path, as the figures of users have it; None for what is no request of a user."""
    if not has_request_context():
        return None
    first = "/" + request.path.split("/")[1]
    return first if first in ROUTES and request.url_rule is not None else None


def business() -> str | None:
    """The business that the request was found to be about until now."""
    known = context.current()
    return known.business_id or None if known else None


def business_asked_for() -> str | None:
    """The business that the request names in its address or body; it may not exist."""
    try:
        body = request.get_json() if request.is_json else None
    except Problem:  # whether that matters, the route knows: some name a type and send no body
        body = None
    named = body.get("business_id") if isinstance(body, dict) else request.args.get("business_id")
    return named if isinstance(named, str) else None
