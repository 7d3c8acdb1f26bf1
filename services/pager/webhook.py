"""`POST /webhook/alertmanager`: where Alertmanager tells the pager of alerts."""

from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from services.pager.incidents import IncidentBook, Outcome
from services.pager.notice import Notice, read_notice
from services.pager.tables import Incident
from services.telemetry import Telemetry, names
from services.web.bodies import parse_object
from services.web.problems import Problem, from_validation

_CHANNEL = "webhook"
_RESULTS = ("accepted", "repeated", "refused")
_NOTHING_NEW = {Outcome.REPEATED, Outcome.IGNORED}
_LOGGER = "pager.webhook"


def blueprint(book: IncidentBook, telemetry: Telemetry) -> Blueprint:
    """The route and its metrics."""
    routes = Blueprint("webhook", __name__)
    received = telemetry.counter(
        names.PAGER_NOTIFICATIONS,
        "Notices received, by what came of them.",
        names.PAGER_NOTIFICATIONS_LABELS,
        initial=[{"channel": _CHANNEL, "result": result} for result in _RESULTS],
    )
    still_open = telemetry.gauge(names.PAGER_INCIDENTS_OPEN, "Incidents that are open.", names.PAGER_INCIDENTS_LABELS)
    heard = telemetry.gauge(
        names.PAGER_HEARTBEAT, "When the alert that always fires was last heard, in Unix seconds; 0 when never."
    )

    def show_state() -> None:
        for severity, count in book.open_by_severity().items():
            still_open.labels(severity=severity).set(count)
        last = book.last_heartbeat()
        heard.set(last.timestamp() if last else 0)

    @routes.post("/webhook/alertmanager")
    def receive() -> tuple[Response, int]:
        try:
            notice = _read()
        except Problem:
            telemetry.inc(received, channel=_CHANNEL, result="refused")
            raise
        outcome, incident = book.receive(notice)
        telemetry.inc(received, channel=_CHANNEL, result="repeated" if outcome in _NOTHING_NEW else "accepted")
        show_state()
        _log(telemetry, outcome, incident)
        return jsonify(outcome=outcome, incident=incident.id if incident else None), 200

    show_state()
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


def _log(telemetry: Telemetry, outcome: Outcome, incident: Incident | None) -> None:
    """One line for what changed. A heartbeat and a repetition have their access line and their counter."""
    if incident is None or outcome in _NOTHING_NEW:
        return
    event = "incident.opened" if outcome in (Outcome.OPENED, Outcome.REOPENED) else f"incident.{outcome}"
    telemetry.log(
        "application",
        event,
        f"Incident {incident.id} {outcome}: {incident.alert} of {incident.service}",
        level="warning" if event == "incident.opened" else "info",
        logger=_LOGGER,
        incident_id=incident.id,
        alert=incident.alert,
        severity=incident.severity,
        alert_service=incident.service,
    )
