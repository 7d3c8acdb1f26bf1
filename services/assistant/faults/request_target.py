"""Route and business of the current request: what a fault can be aimed at."""

from flask import has_request_context, request

from services.assistant.metrics import ROUTES
from services.telemetry import context
from services.web.problems import Problem


def route() -> str | None:
    """Return the first part of the path, as in ai_requests_total; None for what is no user request."""
    if not has_request_context():
        return None
    first = "/" + request.path.split("/")[1]
    return first if first in ROUTES and request.url_rule is not None else None


def business_id() -> str | None:
    """Return the business that is bound to the request so far; None without one."""
    request_context = context.current()
    return request_context.business_id or None if request_context else None


def requested_business_id() -> str | None:
    """Return the business that the request names in its query or body; it may not exist."""
    try:
        body = request.get_json() if request.is_json else None
    except Problem:  # the route decides whether that is an error: some requests have a type and no body
        body = None
    value = body.get("business_id") if isinstance(body, dict) else request.args.get("business_id")
    return value if isinstance(value, str) else None
