"""Appointments: list, book, move, cancel."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from services.assistant.app_state import Assistant, current, find_provider
from services.assistant.appointments import availability, booking
from services.assistant.appointments.booking import BookingOrder, BookingRejectedError
from services.assistant.appointments.business import Business, Provider
from services.assistant.routes.schemas import (
    AppointmentDocument,
    AppointmentList,
    AppointmentPath,
    AppointmentQuery,
    BookingHeader,
    BookingRequest,
    MoveRequest,
)
from services.assistant.storage.tables import AppointmentRow
from services.web.openapi import SECURITY_SCHEME, problem_responses
from services.web.problems import Problem

blueprint = APIBlueprint("appointments", __name__)

REPLAYED_HEADER = "Idempotent-Replayed"
# Reasons of BookingRejectedError: status and title.
_PROBLEMS = {
    "taken": (409, "Time taken"),
    "past": (422, "Time past"),
    "closed": (422, "Time closed"),
    "off-grid": (422, "Time off grid"),
    "too-far": (422, "Time too far"),
    "key-reused": (422, "Idempotency key reused"),
    "unknown": (404, "Unknown appointment"),
}


@blueprint.get(
    "/appointments",
    summary="List appointments",
    security=[{}, {SECURITY_SCHEME: []}],
    responses={200: AppointmentList, **problem_responses(404, 503)},
)
def list_appointments(query: AppointmentQuery) -> dict[str, Any]:
    """List appointments in the order of their times, a page at a time.

    Needs user_id, business_id or the admin token.
    """
    assistant = current()
    if query.business_id:
        assistant.business(query.business_id)
    is_filtered = bool(query.user_id or query.business_id)
    if not is_filtered and not assistant.admin_token.is_sent():
        detail = "Give user_id or business_id, or send the admin token as a bearer token."
        raise Problem(422, "Filter required", detail)
    try:
        rows = assistant.book.list(query.limit, after=query.after, business_id=query.business_id, user_id=query.user_id)
    except BookingRejectedError as rejection:
        raise _problem(rejection) from None
    if not is_filtered:
        message = "appointments of all users listed"
        assistant.telemetry.log("audit", "appointments.listed", message, logger="admin", appointments=len(rows))
    following = rows[-1].id if len(rows) == query.limit else None
    return {"appointments": [_document(assistant, row) for row in rows], "next": following}


@blueprint.post(
    "/appointments",
    summary="Book an appointment",
    responses={200: AppointmentDocument, 201: AppointmentDocument, **problem_responses(404, 409, 503)},
)
def book(header: BookingHeader, body: BookingRequest) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Book; 201 for a new appointment, 200 with Idempotent-Replayed when the same key booked it before."""
    assistant = current()
    business = assistant.business(body.business_id)
    assistant.telemetry.bind(user_id=body.user_id)
    provider = find_provider(business, body.provider_id)
    order = BookingOrder(business, body.starts_at, body.user_id, provider, body.service, header.idempotency_key)
    try:
        appointment, replayed = assistant.book.book(order, channel="api")
    except BookingRejectedError as rejection:
        raise _problem(rejection, _alternatives(assistant, rejection, business, body.starts_at, provider)) from None
    if replayed:
        return appointment.as_json(), 200, {REPLAYED_HEADER: "true"}
    return appointment.as_json(), 201, {"Location": f"/appointments/{appointment.id}"}


@blueprint.patch(
    "/appointments/<appointment_id>",
    summary="Move an appointment",
    responses={200: AppointmentDocument, **problem_responses(404, 409, 503)},
)
def move(path: AppointmentPath, body: MoveRequest) -> dict[str, Any]:
    """Move a booked appointment to another time with the same provider."""
    assistant = current()
    row, business = _find(assistant, path.appointment_id)
    try:
        return assistant.book.move(business, row.id, body.starts_at, channel="api").as_json()
    except BookingRejectedError as rejection:
        provider = business.provider_by_id(row.provider_id)
        raise _problem(rejection, _alternatives(assistant, rejection, business, body.starts_at, provider)) from None


@blueprint.delete(
    "/appointments/<appointment_id>",
    summary="Cancel an appointment",
    responses={204: None, **problem_responses(404, 503)},
)
def cancel(path: AppointmentPath) -> tuple[str, int]:
    """Cancel an appointment and free its time. Cancelling twice is no error."""
    assistant = current()
    row, business = _find(assistant, path.appointment_id)
    assistant.book.cancel(business, row, channel="api")
    return "", 204


def _find(assistant: Assistant, appointment_id: str) -> tuple[AppointmentRow, Business]:
    row = assistant.book.get(appointment_id)
    if row is None:
        raise Problem(404, "Unknown appointment", "There is no appointment with this id.")
    assistant.telemetry.bind(user_id=row.user_id)
    return row, assistant.business(row.business_id)


def _document(assistant: Assistant, row: AppointmentRow) -> dict[str, Any]:
    business = assistant.directory.get(row.business_id)
    assert business is not None, "a foreign key says so"
    return booking.describe(business, row).as_json()


def _alternatives(
    assistant: Assistant,
    rejection: BookingRejectedError,
    business: Business,
    starts_at: datetime,
    provider: Provider | None,
) -> Sequence[datetime]:
    """Return free times near one that was rejected; none where another time would be rejected too."""
    if rejection.reason in ("unknown", "key-reused"):
        return []
    return availability.alternatives(assistant.database, business, starts_at, provider)


def _problem(rejection: BookingRejectedError, alternatives: Sequence[datetime] = ()) -> Problem:
    status, title = _PROBLEMS[rejection.reason]
    return Problem(status, title, rejection.detail, alternatives=[start.isoformat() for start in alternatives])
