"""`POST /webhook/alertmanager`: the webhook receiver of Alertmanager."""

from datetime import UTC, datetime

from flask import Blueprint, Response, request
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
        outcome, incident = store.receive(_parse())
        store.metrics.notification(_CHANNEL, "repeated" if outcome in UNCHANGED else "accepted")
        return {"outcome": outcome, "incident": incident.id if incident else None}

    @routes.after_request
    def count_refused(response: Response) -> Response:
        # Also those that a hook of all routes refuses.
        if 400 <= response.status_code < 500:
            store.metrics.notification(_CHANNEL, "refused")
        return response

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
