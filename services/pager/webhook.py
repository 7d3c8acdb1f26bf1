"""`POST /webhook/alertmanager`: where Alertmanager tells the pager of alerts."""

from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from services.pager.incidents import NOTHING_NEW, IncidentBook
from services.pager.instruments import Instruments
from services.pager.notice import Notice, read_notice
from services.web.bodies import parse_object
from services.web.problems import Problem, from_validation

_CHANNEL = "webhook"


def blueprint(book: IncidentBook, instruments: Instruments) -> Blueprint:
    """The route."""
    routes = Blueprint("webhook", __name__)

    @routes.post("/webhook/alertmanager")
    def receive() -> tuple[Response, int]:
        try:
            notice = _read()
        except Problem:
            instruments.notification(_CHANNEL, "refused")
            raise
        outcome, incident = book.receive(notice)
        instruments.notification(_CHANNEL, "repeated" if outcome in NOTHING_NEW else "accepted")
        return jsonify(outcome=outcome, incident=incident.id if incident else None), 200

    return routes


def _read() -> Notice:
    """The notice in the request at hand. Raises Problem (4xx), which Alertmanager does not send again."""
    if not request.is_json:
        raise Problem(415, "Unsupported media type", "Send the body with the header Content-Type: application/json.")
    try:
        return read_notice(parse_object(request.get_data()), datetime.now(UTC))
    except RequestEntityTooLarge:
        limit = f"{request.max_content_length} bytes are the limit; lower max_alerts in alertmanager.yml."
        raise Problem(413, "Notice too large", limit) from None
    except ValidationError as error:
        raise from_validation(error) from None
