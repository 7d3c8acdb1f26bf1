"""Runs the tools that the model calls.

A tool does not raise for wrong arguments: its result is an error that the model can correct.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from services.assistant.appointments import availability, booking, local_time
from services.assistant.appointments.booking import (
    Appointment,
    AppointmentBook,
    BookingFailedError,
    BookingOrder,
    BookingRejectedError,
)
from services.assistant.appointments.business import Business, Directory, Provider
from services.assistant.appointments.timeparse import parse_day, parse_earliest, parse_instant
from services.assistant.conversation import tool_schemas as schemas
from services.assistant.conversation.turn import Turn
from services.assistant.llm.completion import ToolCall
from services.assistant.storage.database import Database
from services.assistant.storage.tables import AppointmentRow
from services.telemetry import Telemetry, genai

_MAX_SLOTS = 24
_MAX_NEXT = 6
# Reasons of BookingRejectedError that the model gets; the others are `closed`.
_REASONS = frozenset({"taken", "past", "unknown"})

Result = dict[str, Any]


class ToolError(Exception):
    """A tool cannot do what the model wants; `result` is the tool's result."""

    def __init__(self, error: str, detail: str, **fields: Any) -> None:
        super().__init__(error)
        self.result: Result = {"ok": False, "error": error, "detail": detail, **fields}


class Toolbox:
    """Runs the tools that the model calls."""

    def __init__(self, database: Database, directory: Directory, book: AppointmentBook, telemetry: Telemetry) -> None:
        self._database = database
        self._directory = directory
        self._book = book
        self._telemetry = telemetry

    def run(self, call: ToolCall, turn: Turn) -> str:
        """Run one tool, set what it did on the turn, and return its result as JSON.

        Raises:
            DatabaseUnavailableError: the database did not answer in time.
        """
        tool = call.name if call.name in schemas.TOOLS else "unknown"
        with genai.tool_span(self._telemetry.tracer, tool, call_id=call.id) as span:
            result = self._run(call, turn)
            ok = result.get("ok") is not False
            if not ok:
                span.set_attribute("lab.tool.error", str(result["error"]))
        turn.tools.append(tool)
        message = f"tool {tool} was run"
        self._telemetry.log(
            "application", "tool.run", message, level="debug", logger="assistant.tools", tool=tool, ok=ok
        )
        return json.dumps(result, separators=(",", ":"), ensure_ascii=False)

    def _run(self, call: ToolCall, turn: Turn) -> Result:
        try:
            if call.name not in schemas.TOOLS:
                raise ToolError("unknown", "there is no such tool")
            if call.problem:
                raise ToolError("invalid", call.problem)
            given = schemas.TOOLS[call.name].model_validate(call.arguments)
            # The handler of a tool has its name: `_find_business(given, turn)`.
            handler: Callable[[Any, Turn], Result] = getattr(self, f"_{call.name}")
            return handler(given, turn)
        except ToolError as error:
            return error.result
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            return ToolError("invalid", wrong[:500]).result
        except (ValueError, OverflowError) as error:
            return ToolError("invalid", str(error)[:200]).result

    def _find_business(self, given: schemas.FindBusiness, _turn: Turn) -> Result:
        found = self._directory.find(given.kind, given.city, given.name)
        return {"businesses": [business.brief() for business in found.businesses], "nearby": found.nearby}

    def _list_slots(self, given: schemas.ListSlots, turn: Turn) -> Result:
        business = self._get_business(given.business_id, turn)
        provider = business.provider(given.provider)
        day = parse_day(given.date) if given.date else None
        after = parse_earliest(given.after, day, business.zone) if given.after else None
        slots = availability.free_times(
            self._database, business, day=day, after=after, provider=provider, limit=_MAX_SLOTS
        )
        result: Result = {
            "business_id": business.id,
            "time_zone": business.time_zone,
            "slots": [slot.isoformat() for slot in slots],
        }
        if day is not None and not slots:
            later = availability.next_free_times(self._database, business, day, provider=provider, limit=_MAX_NEXT)
            result["next"] = [slot.isoformat() for slot in later]
        return result

    def _book_appointment(self, given: schemas.BookAppointment, turn: Turn) -> Result:
        business = self._get_business(given.business_id, turn)
        provider = business.provider(given.provider)
        starts_at = self._parse_start(given.starts_at, business, provider)
        order = BookingOrder(
            business,
            starts_at,
            turn.user_id,
            provider,
            given.service,
            # A model that repeats a call in one turn books once.
            idempotency_key=f"{turn.id} {business.id} {starts_at.isoformat()}",
        )
        try:
            appointment, replayed = self._book.book(order, channel="chat")
        except BookingRejectedError as rejection:
            raise self._rejected(rejection, business, starts_at, provider) from None
        except BookingFailedError as error:
            # The conversation goes on with the model's reply; the booking metrics count the failure.
            self._telemetry.exception("a confirmed booking failed", error, "booking.failed", "assistant.booking")
            raise ToolError("failed", error.detail) from None
        if not replayed:
            turn.appointment, turn.action = appointment, "booked"
        return _change_result(appointment)

    def _list_my_appointments(self, _given: schemas.ListMyAppointments, turn: Turn) -> Result:
        rows = self._book.list(10, not_before=datetime.now(UTC), user_id=turn.user_id, status=booking.BOOKED)
        found = [(self._directory.get(row.business_id), row) for row in rows]
        return {
            "appointments": [booking.describe(business, row).as_named_json() for business, row in found if business]
        }

    def _move_appointment(self, given: schemas.MoveAppointment, turn: Turn) -> Result:
        row, business = self._get_appointment(given.appointment_id, turn)
        provider = business.provider_by_id(row.provider_id)
        starts_at = self._parse_start(given.starts_at, business, provider)
        try:
            turn.appointment = appointment = self._book.move(business, row.id, starts_at, channel="chat")
        except BookingRejectedError as rejection:
            raise self._rejected(rejection, business, starts_at, provider) from None
        turn.action = "moved"
        return _change_result(appointment)

    def _cancel_appointment(self, given: schemas.CancelAppointment, turn: Turn) -> Result:
        row, business = self._get_appointment(given.appointment_id, turn)
        cancelled = self._book.cancel(business, row, channel="chat")
        if cancelled is None:
            raise _unknown_appointment()
        turn.appointment, turn.action = cancelled, "cancelled"
        return _change_result(cancelled)

    def _hand_over(self, given: schemas.HandOver, turn: Turn) -> Result:
        turn.handoff = "confused" if (given.reason or "").casefold().startswith("confus") else "asked"
        return {"ok": True, "detail": "a colleague will call the user back"}

    def _get_business(self, business_id: str, turn: Turn) -> Business:
        """Return a business and make it that of the turn."""
        business = self._directory.get(business_id)
        if business is None:
            raise ToolError("unknown", "there is no business with this id; use find_business")
        turn.business = business
        return business

    def _get_appointment(self, appointment_id: str, turn: Turn) -> tuple[AppointmentRow, Business]:
        """Return a booked appointment of the user and its business, which becomes that of the turn."""
        row = self._book.get(appointment_id)
        if row is None or row.user_id != turn.user_id or row.status != booking.BOOKED:
            raise _unknown_appointment()
        return row, self._get_business(row.business_id, turn)

    def _parse_start(self, text: str, business: Business, provider: Provider | None) -> datetime:
        """Return the start of an appointment in UTC; a time without an offset is one of the business's zone."""
        try:
            return parse_instant(text, business.zone)
        except local_time.SkippedTimeError as skipped:
            rejection = BookingRejectedError("closed", str(skipped))
            raise self._rejected(rejection, business, skipped.resumes_at, provider) from None

    def _rejected(
        self, rejection: BookingRejectedError, business: Business, starts_at: datetime, provider: Provider | None
    ) -> ToolError:
        reason = rejection.reason if rejection.reason in _REASONS else "closed"
        near = availability.alternatives(self._database, business, starts_at, provider) if reason != "unknown" else []
        return ToolError(reason, rejection.detail, alternatives=[start.isoformat() for start in near])


def _change_result(appointment: Appointment) -> Result:
    """Return the result of a tool that changed an appointment, with a note where the clock shows its time twice."""
    result: Result = {"ok": True, "appointment": appointment.as_named_json()}
    if local_time.exists_twice(appointment.starts_at):
        which = "second" if appointment.starts_at.fold else "first"
        result["note"] = (
            f"The clock shows {appointment.starts_at:%H:%M} twice on that day; "
            f"this is the {which} one, {local_time.format_time(appointment.starts_at)}."
        )
    return result


def _unknown_appointment() -> ToolError:
    return ToolError("unknown", "the user has no such appointment")
