"""What happens when the model calls a tool.

A tool never raises for what the model asked wrongly: it answers with an error that the model can mend.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from services.assistant import booking, free_times
from services.assistant.attempts import attempt
from services.assistant.booking import Appointment, BookingFailedError, Refused
from services.assistant.database import Database
from services.assistant.directory import Business, Directory
from services.assistant.faults.bookings import midway
from services.assistant.instants import parse_clock, parse_day, parse_instant
from services.assistant.instruments import Instruments
from services.assistant.tables import AppointmentRow
from services.assistant.tool_arguments import (
    TOOLS,
    BookAppointment,
    CancelAppointment,
    FindBusiness,
    HandOver,
    ListMyAppointments,
    ListSlots,
    MoveAppointment,
)
from services.telemetry import Telemetry, genai
from services.web.faults import FaultRegistry

_LOGGER = "assistant.tools"
_MAX_SLOTS = 24
_MAX_NEXT = 6
# Reasons of booking.Refused in the words of the tools' contract.
_ERRORS = {"taken": "taken", "past": "past", "unknown": "unknown"}


@dataclass
class Turn:
    """What a turn of the conversation knows and what its tools did."""

    id: str
    user_id: str
    business: Business | None = None
    appointment: Appointment | None = None
    action: str | None = None  # booked | moved | cancelled: what was done to `appointment`
    handoff: str | None = None  # its reason
    used: list[str] = field(default_factory=list)


class Toolbox:
    """Runs the tools that the model asks for."""

    def __init__(
        self,
        database: Database,
        directory: Callable[[], Directory],
        telemetry: Telemetry,
        instruments: Instruments,
        faults: FaultRegistry,
    ) -> None:
        self._database = database
        self._faults = faults
        self._directory = directory
        self._telemetry = telemetry
        self._instruments = instruments
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
        known = name if name in TOOLS else "unknown"
        with genai.tool_span(self._telemetry.tracer, known, call_id=call_id) as span:
            result = self._run(name, arguments, turn)
            if result.get("ok") is False:
                span.set_attribute("lab.tool.error", str(result.get("error")))
        turn.used.append(known)
        done = result.get("ok") is not False
        self._telemetry.log(
            "application", "tool.run", f"tool {known} was run", level="debug", logger=_LOGGER, tool=known, ok=done
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
        slots = free_times.free_times(
            self._database, business, day=day, after=after, provider=provider, limit=_MAX_SLOTS
        )
        result: dict[str, Any] = {
            "business_id": business.id,
            "time_zone": business.time_zone,
            "slots": [slot.isoformat() for slot in slots],
        }
        if day is not None and not slots:
            midnight = parse_clock("00:00", day, business.zone)
            later = free_times.free_times(self._database, business, after=midnight, provider=provider, limit=_MAX_NEXT)
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
            with attempt(self._instruments, business, through="chat"):
                appointment, repeated = booking.book(
                    self._database,
                    business,
                    starts_at,
                    user_id=turn.user_id,
                    provider=provider,
                    service=given.service,
                    # A model that asks twice in one turn books once.
                    idempotency_key=f"{turn.id} {business.id} {starts_at.astimezone(UTC).isoformat()}",
                    midway=midway(self._faults, business.id),
                )
        except Refused as refused:
            return self._refused(refused, business, starts_at)
        except BookingFailedError as error:
            # The model can say it; the conversation goes on, and only the figures of bookings tell.
            self._telemetry.exception("a confirmed booking failed", error, "booking.failed", "assistant.booking")
            return {"ok": False, "error": "failed", "detail": error.detail}
        if not repeated:
            self._done("booked", business, appointment, turn)
        return {"ok": True, "appointment": _told(business, appointment)}

    def _list_my_appointments(self, _given: ListMyAppointments, turn: Turn) -> dict[str, Any]:
        rows = booking.listed(
            self._database, user_id=turn.user_id, status=booking.BOOKED, not_before=datetime.now(UTC), limit=10
        )
        told = []
        for row in rows:
            business = self._directory().get(row.business_id)
            if business is not None:
                told.append(_told(business, booking.describe(business, row)))
        return {"appointments": told}

    def _move_appointment(self, given: MoveAppointment, turn: Turn) -> dict[str, Any]:
        row, business = self._own(given.appointment_id, turn)
        if row is None or business is None:
            return {"ok": False, "error": "unknown", "detail": "the user has no such appointment"}
        starts_at = parse_instant(given.starts_at, business.zone)
        try:
            appointment = booking.move(self._database, business, row.id, starts_at)
        except Refused as refused:
            return self._refused(refused, business, starts_at)
        self._done("moved", business, appointment, turn)
        return {"ok": True, "appointment": _told(business, appointment)}

    def _cancel_appointment(self, given: CancelAppointment, turn: Turn) -> dict[str, Any]:
        row, business = self._own(given.appointment_id, turn)
        if row is None or business is None or not booking.cancel(self._database, row.id):
            return {"ok": False, "error": "unknown", "detail": "the user has no such appointment"}
        row.status = booking.CANCELLED
        appointment = booking.describe(business, row)
        self._done("cancelled", business, appointment, turn)
        return {"ok": True, "appointment": _told(business, appointment)}

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

    def _refused(self, refused: Refused, business: Business, starts_at: datetime) -> dict[str, Any]:
        near = free_times.alternatives(self._database, business, starts_at) if refused.reason != "unknown" else []
        return {
            "ok": False,
            "error": _ERRORS.get(refused.reason, "closed"),
            "detail": refused.detail,
            "alternatives": [start.isoformat() for start in near],
        }

    def _done(self, action: str, business: Business, appointment: Appointment, turn: Turn) -> None:
        turn.appointment, turn.action = appointment, action
        report(self._telemetry, self._instruments, action, business, appointment, through="chat")


def report(
    telemetry: Telemetry,
    instruments: Instruments,
    action: str,
    business: Business,
    appointment: Appointment,
    *,
    through: str,
) -> None:
    """Count and log an appointment that was booked, moved or cancelled; `through` is chat or api."""
    instruments.appointment(action, business)
    if action == "booked":
        instruments.booking("done", business, through=through)
    telemetry.log(
        "application",
        f"appointment.{action}",
        f"appointment {action}",
        logger="assistant.booking",
        appointment_id=appointment.id,
        provider_id=appointment.provider_id,
        business_kind=business.kind,
        through=through,
    )


def _after(text: str | None, day: Any, business: Business) -> datetime | None:
    if not text:
        return None
    if day is not None and len(text) <= len("HH:MM:SS"):
        return parse_clock(text, day, business.zone)
    return parse_instant(text, business.zone)


def _told(business: Business, appointment: Appointment) -> dict[str, Any]:
    return {**appointment.as_json(), "business": business.name}


def _no_business() -> dict[str, Any]:
    return {"ok": False, "error": "unknown", "detail": "there is no business with this id; use find_business"}
