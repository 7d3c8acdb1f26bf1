"""Appointments: booking, moving, cancelling, listing.

The database guarantees that no time is booked twice (tables.BusyTime); no check here does.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.assistant.appointments import opening_hours
from services.assistant.appointments.business import Business, Provider
from services.assistant.storage.database import Database
from services.assistant.storage.tables import AppointmentRow, BusyTime
from services.web.problems import Problem

BOOKED, CANCELLED = "booked", "cancelled"


class BookingRejectedError(Exception):
    """The booking is not possible. `reason`: taken, closed, past, off-grid, too-far, key-reused, unknown."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class BookingFailedError(Problem):
    """A booking could not be brought to its end: a 503 problem document. Nothing of it is stored."""

    def __init__(self) -> None:
        super().__init__(503, "Booking failed", "The appointment could not be stored; nothing was booked.")


@dataclass(frozen=True)
class Appointment:
    """An appointment; times are in the business's zone, `business` and `provider` are names."""

    id: str
    business_id: str
    business: str
    provider_id: str
    provider: str
    user_id: str
    service: str | None
    starts_at: datetime
    ends_at: datetime
    status: str

    def as_json(self) -> dict[str, Any]:
        """Return the appointment for responses and tool results. Omits user_id."""
        return {
            "id": self.id,
            "business_id": self.business_id,
            "provider_id": self.provider_id,
            "provider": self.provider,
            "service": self.service,
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "status": self.status,
        }

    def as_named_json(self) -> dict[str, Any]:
        """Return the appointment with the name of its business, for chats and tool results."""
        return {**self.as_json(), "business": self.business}


def book(
    database: Database,
    business: Business,
    starts_at: datetime,
    *,
    user_id: str,
    provider: Provider | None = None,
    service: str | None = None,
    idempotency_key: str | None = None,
    now: datetime | None = None,
    before_commit: Callable[[], None] | None = None,
) -> tuple[Appointment, bool]:
    """Book; without a provider any free one. Returns the appointment and whether it was there already (same key).

    `before_commit` is called when the booking is written in part; what it raises rolls it back.

    Raises BookingRejectedError, BookingFailedError (by `before_commit`), DatabaseUnavailableError.
    """
    key = _key_hash(user_id, idempotency_key)
    request_hash = _request_hash(business.id, provider, starts_at, service)
    if key is not None:
        known = _by_key(database, business, key, request_hash)
        if known is not None:
            return known, True
    check_time(business, starts_at, now)
    for candidate in _candidates(business, provider, starts_at):
        row = _row(business, candidate, starts_at, user_id=user_id, service=service, key=key, request_hash=request_hash)
        try:
            with database.write() as session:
                _insert(session, business, row, before_commit)
            return _appointment(business, row), False
        except IntegrityError:
            # Either the time is taken or the same key came in at the same moment.
            known = _by_key(database, business, key, request_hash) if key is not None else None
            if known is not None:
                return known, True
    raise BookingRejectedError("taken", f"{_format_time(business, starts_at)} is taken.")


def move(
    database: Database, business: Business, appointment_id: str, starts_at: datetime, now: datetime | None = None
) -> Appointment:
    """Move a booked appointment to another time with the same provider.

    Raises BookingRejectedError, DatabaseUnavailableError.
    """
    check_time(business, starts_at, now)
    try:
        with database.write() as session:
            row = session.get(AppointmentRow, appointment_id, with_for_update=True)
            if row is None or row.status != BOOKED:
                raise BookingRejectedError("unknown", "There is no such booked appointment.")
            session.execute(delete(BusyTime).where(BusyTime.appointment_id == row.id))
            session.execute(insert(BusyTime), _busy(row.provider_id, row.id, starts_at, business.minutes))
            row.starts_at = starts_at
            row.ends_at = starts_at + timedelta(minutes=business.minutes)
            row.updated_at = datetime.now(UTC)
            session.flush()
            return _from_row(business, row)
    except IntegrityError:
        raise BookingRejectedError("taken", f"{_format_time(business, starts_at)} is taken.") from None


def cancel(database: Database, appointment_id: str) -> bool:
    """Cancel and free the time. Returns whether it was booked until now. Raises DatabaseUnavailableError."""
    with database.write() as session:
        changed = session.execute(
            update(AppointmentRow)
            .where(AppointmentRow.id == appointment_id, AppointmentRow.status == BOOKED)
            .values(status=CANCELLED, updated_at=datetime.now(UTC))
        )
        session.execute(delete(BusyTime).where(BusyTime.appointment_id == appointment_id))
        return bool(changed.rowcount)  # type: ignore[attr-defined]


def get(database: Database, appointment_id: str) -> AppointmentRow | None:
    """Return the row of an appointment."""
    with database.read() as session:
        return session.get(AppointmentRow, appointment_id)


def list_appointments(
    database: Database,
    *,
    business_id: str | None = None,
    user_id: str | None = None,
    status: str | None = None,
    not_before: datetime | None = None,
    limit: int = 50,
    after: str | None = None,
) -> Sequence[AppointmentRow]:
    """Return appointments in the order of their times; `after` is the id of the last one seen."""
    query = select(AppointmentRow).order_by(AppointmentRow.starts_at, AppointmentRow.id).limit(limit)
    if business_id:
        query = query.where(AppointmentRow.business_id == business_id)
    if user_id:
        query = query.where(AppointmentRow.user_id == user_id)
    if status:
        query = query.where(AppointmentRow.status == status)
    if not_before:
        query = query.where(AppointmentRow.starts_at >= not_before)
    with database.read() as session:
        if after:
            last = session.get(AppointmentRow, after)
            if last is None:
                raise BookingRejectedError("unknown", "`after` is not the id of an appointment.")
            query = query.where(tuple_(AppointmentRow.starts_at, AppointmentRow.id) > (last.starts_at, last.id))
        return session.scalars(query).all()


def check_time(business: Business, starts_at: datetime, now: datetime | None = None) -> None:
    """Raise BookingRejectedError for a time that cannot be booked."""
    now = now or datetime.now(UTC)
    if starts_at <= now:
        raise BookingRejectedError("past", f"{_format_time(business, starts_at)} is in the past.")
    if starts_at > now + opening_hours.HORIZON:
        raise BookingRejectedError("too-far", f"Appointments can be booked {opening_hours.HORIZON.days} days ahead.")
    if not opening_hours.on_grid(starts_at):
        raise BookingRejectedError("off-grid", "Appointments start at a full quarter of an hour.")
    if not opening_hours.is_open(business, starts_at):
        raise BookingRejectedError("closed", f"{business.name} is closed at {_format_time(business, starts_at)}.")


def describe(business: Business, row: AppointmentRow) -> Appointment:
    """Return the appointment of a row."""
    return _from_row(business, row)


def _candidates(business: Business, provider: Provider | None, starts_at: datetime) -> list[Provider]:
    """Who to try. The order turns with the time, so that the first of the list is not the only one who works."""
    if provider is not None:
        return [provider]
    people = list(business.providers)
    turn = int(starts_at.timestamp() // 900) % len(people)
    return people[turn:] + people[:turn]


def _row(
    business: Business,
    provider: Provider,
    starts_at: datetime,
    *,
    user_id: str,
    service: str | None,
    key: str | None,
    request_hash: str,
) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": str(uuid.uuid4()),
        "business_id": business.id,
        "provider_id": provider.id,
        "user_id": user_id,
        "service": service,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=business.minutes),
        "status": BOOKED,
        "created_at": now,
        "updated_at": now,
        "idempotency_key": key,
        "request_hash": request_hash,
    }


def _insert(
    session: Session, business: Business, row: dict[str, Any], before_commit: Callable[[], None] | None
) -> None:
    session.execute(insert(AppointmentRow), row)
    if before_commit is not None:
        before_commit()
    session.execute(insert(BusyTime), _busy(row["provider_id"], row["id"], row["starts_at"], business.minutes))


def _busy(provider_id: str, appointment_id: str, starts_at: datetime, minutes: int) -> list[dict[str, Any]]:
    # In the order of time: two bookings that overlap then never wait for each other in a circle.
    return [
        {"provider_id": provider_id, "quarter": quarter, "appointment_id": appointment_id}
        for quarter in opening_hours.quarters(starts_at, minutes)
    ]


def _by_key(database: Database, business: Business, key: str, request_hash: str) -> Appointment | None:
    with database.read() as session:
        row = session.scalars(select(AppointmentRow).where(AppointmentRow.idempotency_key == key)).one_or_none()
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise BookingRejectedError("key-reused", "This Idempotency-Key was used for another booking; take a new one.")
    return _from_row(business, row)


def _key_hash(user_id: str, key: str | None) -> str | None:
    return None if key is None else hashlib.sha256(json.dumps([user_id, key]).encode()).hexdigest()


def _request_hash(business_id: str, provider: Provider | None, starts_at: datetime, service: str | None) -> str:
    wish = [business_id, provider.id if provider else None, starts_at.astimezone(UTC).isoformat(), service]
    return hashlib.sha256(json.dumps(wish).encode()).hexdigest()


def _appointment(business: Business, row: dict[str, Any]) -> Appointment:
    return Appointment(
        id=row["id"],
        business_id=business.id,
        business=business.name,
        provider_id=row["provider_id"],
        provider=next(p.name for p in business.providers if p.id == row["provider_id"]),
        user_id=row["user_id"],
        service=row["service"],
        starts_at=row["starts_at"].astimezone(business.zone),
        ends_at=row["ends_at"].astimezone(business.zone),
        status=row["status"],
    )


def _from_row(business: Business, row: AppointmentRow) -> Appointment:
    return _appointment(
        business,
        {
            "id": row.id,
            "provider_id": row.provider_id,
            "user_id": row.user_id,
            "service": row.service,
            "starts_at": row.starts_at,
            "ends_at": row.ends_at,
            "status": row.status,
        },
    )


def _format_time(business: Business, moment: datetime) -> str:
    """Return a time in words, in the business's zone."""
    return moment.astimezone(business.zone).strftime("%A, %B %d, %Y at %H:%M")
