"""Appointments: list, book, move, cancel."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from services.assistant import booking, free_times
from services.assistant.attempts import attempt
from services.assistant.booking import Refused
from services.assistant.context import Assistant, current
from services.assistant.directory import Business
from services.assistant.faults.bookings import midway
from services.assistant.instants import parse_instant
from services.assistant.schemas import (
    AppointmentDocument,
    AppointmentList,
    AppointmentPath,
    AppointmentQuery,
    BookingHeader,
    BookingRequest,
    MoveRequest,
)
from services.assistant.tables import AppointmentRow
from services.assistant.tools import report
from services.web.openapi import problem_responses
from services.web.problems import Problem

blueprint = APIBlueprint("appointments", __name__)

REPLAYED_HEADER = "Idempotent-Replayed"
# Reasons of Refused: status and title.
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
    "/appointments", summary="List appointments", responses={200: AppointmentList, **problem_responses(404, 503)}
)
def list_appointments(query: AppointmentQuery) -> dict[str, Any]:
    """List appointments in the order of their times, a page at a time."""
    assistant = current()
    if query.business_id:
        assistant.business(query.business_id)
    try:
        rows = booking.listed(
            assistant.database,
            business_id=query.business_id,
            user_id=query.user_id,
            limit=query.limit,
            after=query.after,
        )
    except Refused as refused:
        raise _problem(refused) from None
    following = rows[-1].id if len(rows) == query.limit else None
    return {"appointments": [_document(assistant, row) for row in rows], "next": following}


@blueprint.post(
    "/appointments",
    summary="Book an appointment",
    responses={200: AppointmentDocument, 201: AppointmentDocument, **problem_responses(404, 409, 503)},
)
def book(header: BookingHeader, body: BookingRequest) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Book. 201 when it is new, 200 with Idempotent-Replayed when the same key booked it before."""
    assistant = current()
    business = assistant.business(body.business_id)
    assistant.telemetry.bind(user_id=body.user_id)
    provider = None
    if body.provider_id:
        provider = next((one for one in business.providers if one.id == body.provider_id), None)
        if provider is None:
            raise Problem(404, "Unknown provider", "Nobody with this id works at this business.")
    starts_at = parse_instant(body.starts_at)
    try:
        with attempt(assistant.instruments, business, through="api"):
            appointment, replayed = booking.book(
                assistant.database,
                business,
                starts_at,
                user_id=body.user_id,
                provider=provider,
                service=body.service,
                idempotency_key=header.idempotency_key,
                midway=midway(assistant.faults, business.id),
            )
    except Refused as refused:
        near = free_times.alternatives(assistant.database, business, starts_at, provider)
        raise _problem(refused, near) from None
    if replayed:
        return appointment.as_json(), 200, {REPLAYED_HEADER: "true"}
    report(assistant.telemetry, assistant.instruments, "booked", business, appointment, through="api")
    return appointment.as_json(), 201, {"Location": f"/appointments/{appointment.id}"}


@blueprint.patch(
    "/appointments/<appointment_id>",
    summary="Move an appointment",
    responses={200: AppointmentDocument, **problem_responses(404, 409, 503)},
)
def move(path: AppointmentPath, body: MoveRequest) -> dict[str, Any]:
    """Move a booked appointment to another time with the same provider."""
    assistant = current()
    row, business = _found(assistant, path.appointment_id)
    try:
        appointment = booking.move(assistant.database, business, row.id, parse_instant(body.starts_at))
    except Refused as refused:
        raise _problem(refused) from None
    report(assistant.telemetry, assistant.instruments, "moved", business, appointment, through="api")
    return appointment.as_json()


@blueprint.delete(
    "/appointments/<appointment_id>",
    summary="Cancel an appointment",
    responses={204: None, **problem_responses(404, 503)},
)
def cancel(path: AppointmentPath) -> tuple[str, int]:
    """Cancel an appointment and free its time. Cancelling twice is no error."""
    assistant = current()
    row, business = _found(assistant, path.appointment_id)
    if booking.cancel(assistant.database, row.id):
        row.status = booking.CANCELLED
        appointment = booking.describe(business, row)
        report(assistant.telemetry, assistant.instruments, "cancelled", business, appointment, through="api")
    return "", 204


def _found(assistant: Assistant, appointment_id: str) -> tuple[AppointmentRow, Business]:
    row = booking.get(assistant.database, appointment_id)
    if row is None:
        raise Problem(404, "Unknown appointment", "There is no appointment with this id.")
    assistant.telemetry.bind(user_id=row.user_id)
    return row, assistant.business(row.business_id)


def _document(assistant: Assistant, row: AppointmentRow) -> dict[str, Any]:
    business = assistant.directory.get(row.business_id)
    assert business is not None, "a foreign key says so"
    return booking.describe(business, row).as_json()


def _problem(refused: Refused, alternatives: Sequence[datetime] = ()) -> Problem:
    status, title = _PROBLEMS[refused.reason]
    return Problem(status, title, refused.detail, alternatives=[start.isoformat() for start in alternatives])
