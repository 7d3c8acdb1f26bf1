"""Runs the tools that the model calls.

A tool does not raise for wrong arguments: its result is an error that the model can correct.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from services.assistant.appointments import availability, booking
from services.assistant.appointments.booking import BookingFailedError, BookingRejectedError
from services.assistant.appointments.business import Business, Directory
from services.assistant.appointments.recording import AppointmentBook
from services.assistant.appointments.timeparse import parse_clock, parse_day, parse_instant
from services.assistant.conversation.tool_schemas import (
    TOOLS,
    BookAppointment,
    CancelAppointment,
    FindBusiness,
    HandOver,
    ListMyAppointments,
    ListSlots,
    MoveAppointment,
)
from services.assistant.conversation.turn import Turn
from services.assistant.storage.database import Database
from services.assistant.storage.tables import AppointmentRow
from services.telemetry import Telemetry, genai

_LOGGER = "assistant.tools"
_MAX_SLOTS = 24
_MAX_NEXT = 6
# Reasons of booking.BookingRejectedError in the words of the tools' contract.
_ERRORS = {"taken": "taken", "past": "past", "unknown": "unknown"}


class Toolbox:
    """Runs the tools that the model asks for."""

    def __init__(
        self,
        database: Database,
        directory: Callable[[], Directory],
        book: AppointmentBook,
        telemetry: Telemetry,
    ) -> None:
        self._database = database
        self._directory = directory
        self._book = book
        self._telemetry = telemetry
        self._handlers: dict[str, Callable[[Any, Turn], dict[str, Any]]] = {
            "find_business": self._find_business,
            "list_slots": self._list_slots,
            "book_appointment": self._book_appointment,
            "list_my_appointments": self._list_my_appointments,
            "move_appointment": self._move_appointment,
            "cancel_appointment": self._cancel_appointment,
            "hand_over": self._hand_over,
        }

    def run(self, name: str, arguments: str, turn: Turn, call_id: str = "") -> str:
        """Run one tool and return its result as JSON. Raises DatabaseUnavailableError."""
        tool = name if name in TOOLS else "unknown"
        with genai.tool_span(self._telemetry.tracer, tool, call_id=call_id) as span:
            result = self._run(name, arguments, turn)
            if result.get("ok") is False:
                span.set_attribute("lab.tool.error", str(result.get("error")))
        turn.tools.append(tool)
        done = result.get("ok") is not False
        self._telemetry.log(
            "application", "tool.run", f"tool {tool} was run", level="debug", logger=_LOGGER, tool=tool, ok=done
        )
        return json.dumps(result, separators=(",", ":"), ensure_ascii=False)

    def _run(self, name: str, arguments: str, turn: Turn) -> dict[str, Any]:
        schema = TOOLS.get(name)
        if schema is None:
            return {"ok": False, "error": "unknown", "detail": "there is no such tool"}
        try:
            given = schema.model_validate_json(arguments or "{}")
            return self._handlers[name](given, turn)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            return {"ok": False, "error": "invalid", "detail": wrong[:500]}
        except (ValueError, OverflowError) as error:
            return {"ok": False, "error": "invalid", "detail": str(error)[:200]}

    def _find_business(self, given: FindBusiness, _turn: Turn) -> dict[str, Any]:
        found = self._directory().find(given.kind, given.city, given.name)
        return {"businesses": [business.brief() for business in found.businesses], "nearby": found.nearby}

    def _list_slots(self, given: ListSlots, turn: Turn) -> dict[str, Any]:
        business = self._directory().get(given.business_id)
        if business is None:
            return _no_business()
        turn.business = business
        provider = business.provider(given.provider)
        day = parse_day(given.date) if given.date else None
        after = _after(given.after, day, business)
        slots = availability.free_times(
            self._database, business, day=day, after=after, provider=provider, limit=_MAX_SLOTS
        )
        result: dict[str, Any] = {
            "business_id": business.id,
            "time_zone": business.time_zone,
            "slots": [slot.isoformat() for slot in slots],
        }
        if day is not None and not slots:
            midnight = parse_clock("00:00", day, business.zone)
            later = availability.free_times(
                self._database, business, after=midnight, provider=provider, limit=_MAX_NEXT
            )
            result["next"] = [slot.isoformat() for slot in later]
        return result

    def _book_appointment(self, given: BookAppointment, turn: Turn) -> dict[str, Any]:
        business = self._directory().get(given.business_id)
        if business is None:
            return _no_business()
        turn.business = business
        provider = business.provider(given.provider)
        starts_at = parse_instant(given.starts_at, business.zone)
        try:
            appointment, replayed = self._book.book(
                business,
                starts_at,
                channel="chat",
                user_id=turn.user_id,
                provider=provider,
                service=given.service,
                # A model that asks twice in one turn books once.
                idempotency_key=f"{turn.id} {business.id} {starts_at.astimezone(UTC).isoformat()}",
            )
        except BookingRejectedError as rejection:
            return self._reject(rejection, business, starts_at)
        except BookingFailedError as error:
            # The model can say it; the conversation goes on, and the booking metrics count it.
            self._telemetry.exception("a confirmed booking failed", error, "booking.failed", "assistant.booking")
            return {"ok": False, "error": "failed", "detail": error.detail}
        if not replayed:
            turn.appointment, turn.action = appointment, "booked"
        return {"ok": True, "appointment": appointment.as_named_json()}

    def _list_my_appointments(self, _given: ListMyAppointments, turn: Turn) -> dict[str, Any]:
        rows = booking.list_appointments(
            self._database, user_id=turn.user_id, status=booking.BOOKED, not_before=datetime.now(UTC), limit=10
        )
        appointments = []
        for row in rows:
            business = self._directory().get(row.business_id)
            if business is not None:
                appointments.append(booking.describe(business, row).as_named_json())
        return {"appointments": appointments}

    def _move_appointment(self, given: MoveAppointment, turn: Turn) -> dict[str, Any]:
        row, business = self._own(given.appointment_id, turn)
        if row is None or business is None:
            return {"ok": False, "error": "unknown", "detail": "the user has no such appointment"}
        starts_at = parse_instant(given.starts_at, business.zone)
        try:
            turn.appointment = appointment = self._book.move(business, row.id, starts_at, channel="chat")
        except BookingRejectedError as rejection:
            return self._reject(rejection, business, starts_at)
        turn.action = "moved"
        return {"ok": True, "appointment": appointment.as_named_json()}

    def _cancel_appointment(self, given: CancelAppointment, turn: Turn) -> dict[str, Any]:
        row, business = self._own(given.appointment_id, turn)
        cancelled = self._book.cancel(business, row, channel="chat") if row and business else None
        if business is None or cancelled is None:
            return {"ok": False, "error": "unknown", "detail": "the user has no such appointment"}
        turn.appointment, turn.action = cancelled, "cancelled"
        return {"ok": True, "appointment": cancelled.as_named_json()}

    def _hand_over(self, given: HandOver, turn: Turn) -> dict[str, Any]:
        turn.handoff = "confused" if given.reason.casefold().startswith("confus") else "asked"
        return {"ok": True, "detail": "a colleague will call the user back"}

    def _own(self, appointment_id: str, turn: Turn) -> tuple[AppointmentRow | None, Business | None]:
        row = booking.get(self._database, appointment_id)
        if row is None or row.user_id != turn.user_id or row.status != booking.BOOKED:
            return None, None
        business = self._directory().get(row.business_id)
        turn.business = business or turn.business
        return row, business

    def _reject(self, rejection: BookingRejectedError, business: Business, starts_at: datetime) -> dict[str, Any]:
        near = availability.alternatives(self._database, business, starts_at) if rejection.reason != "unknown" else []
        return {
            "ok": False,
            "error": _ERRORS.get(rejection.reason, "closed"),
            "detail": rejection.detail,
            "alternatives": [start.isoformat() for start in near],
        }


def _after(text: str | None, day: Any, business: Business) -> datetime | None:
    if not text:
        return None
    if day is not None and len(text) <= len("HH:MM:SS"):
        return parse_clock(text, day, business.zone)
    return parse_instant(text, business.zone)


def _no_business() -> dict[str, Any]:
    return {"ok": False, "error": "unknown", "detail": "there is no business with this id; use find_business"}
