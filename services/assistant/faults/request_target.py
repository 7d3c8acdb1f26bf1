"""Route and business of the current request: the targets of faults."""

from flask import has_request_context, request

from services.assistant.request_metrics import user_route
from services.telemetry import context
from services.web.problems import Problem


def route() -> str | None:
    """Return the route of a user request; None for other requests and outside of requests."""
    return user_route() if has_request_context() else None


def business_id() -> str | None:
    """Return the business that is bound to the request; None without one."""
    request_context = context.current()
    return request_context.business_id or None if request_context else None


def requested_business_id() -> str | None:
    """Return the business that the request names in its query or body; it may not exist."""
    try:
        body = request.get_json() if request.is_json else None
    except Problem:  # the route responds to an invalid body; some requests have a content type and no body
        body = None
    value = body.get("business_id") if isinstance(body, dict) else request.args.get("business_id")
    return value if isinstance(value, str) else None
