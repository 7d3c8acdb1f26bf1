"""`POST /webhook/alertmanager`: the webhook receiver of Alertmanager."""

from datetime import UTC, datetime

from flask import Blueprint, request
from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from services.pager.incidents.store import UNCHANGED, IncidentStore
from services.pager.model.notification import Notification, parse_notification
from services.web.bodies import parse_object
from services.web.problems import Problem, from_validation

_CHANNEL = "webhook"


def blueprint(store: IncidentStore) -> Blueprint:
    """Return the route."""
    routes = Blueprint("webhook", __name__)

    @routes.post("/webhook/alertmanager")
    def receive() -> dict[str, str | int | None]:
        try:
            notification = _parse()
        except Problem:
            store.metrics.notification(_CHANNEL, "refused")
            raise
        outcome, incident = store.receive(notification)
        store.metrics.notification(_CHANNEL, "repeated" if outcome in UNCHANGED else "accepted")
        return {"outcome": outcome, "incident": incident.id if incident else None}

    return routes


def _parse() -> Notification:
    """Return the notification of the current request.

    Raises:
        Problem: 4xx, which Alertmanager does not retry.
    """
    if not request.is_json:
        raise Problem(415, "Unsupported media type", "Send the body with the header Content-Type: application/json.")
    try:
        return parse_notification(parse_object(request.get_data(), replace=True), datetime.now(UTC))
    except RequestEntityTooLarge:
        limit = f"{request.max_content_length} bytes are the limit; lower max_alerts in alertmanager.yml."
        raise Problem(413, "Notification too large", limit) from None
    except ValidationError as error:
        raise from_validation(error) from None
