"""Appointments: booking, moving, cancelling, listing, with their metrics and log lines.

The database guarantees that no time is booked twice (tables.BusyTime); no check here does.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from services.assistant.appointments import local_time, opening_hours
from services.assistant.appointments.business import Business, Provider
from services.assistant.metrics import AssistantMetrics
from services.assistant.storage.database import Database
from services.assistant.storage.tables import AppointmentRow, BusyTime, new_id
from services.telemetry import Telemetry
from services.web.problems import Problem

BOOKED, CANCELLED = "booked", "cancelled"


class BookingRejectedError(Exception):
    """The booking is not possible. `reason`: taken, closed, past, off-grid, too-far, key-reused, unknown."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class BookingFailedError(Problem):
    """A booking failed before its commit: a 503 problem document. Nothing of it is stored."""

    def __init__(self) -> None:
        super().__init__(503, "Booking failed", "The appointment could not be stored; nothing was booked.")


@dataclass(frozen=True)
class BookingOrder:
    """A booking to make.

    Without a provider any free one is booked. The same `idempotency_key` of the same user books once.
    """

    business: Business
    starts_at: datetime
    user_id: str
    provider: Provider | None = None
    service: str | None = None
    idempotency_key: str | None = None

    def candidates(self) -> list[Provider]:
        """Return the providers to try. The first one varies with the time, so that bookings spread over all."""
        if self.provider is not None:
            return [self.provider]
        providers = list(self.business.providers)
        first = int(self.starts_at.timestamp() // 900) % len(providers)
        return providers[first:] + providers[:first]

    def key_hash(self) -> str | None:
        """Return the hash of user and idempotency key; None without a key."""
        return None if self.idempotency_key is None else _hash([self.user_id, self.idempotency_key])

    def request_hash(self) -> str:
        """Return the hash of what is booked, by which a reused idempotency key is recognized."""
        provider_id = self.provider.id if self.provider else None
        return _hash([self.business.id, provider_id, self.starts_at.astimezone(UTC).isoformat(), self.service])


@dataclass(frozen=True)
class Appointment:
    """An appointment; times are in the business's zone, `provider` and `business` are names."""

    id: str
    business_id: str
    provider_id: str
    provider: str
    service: str | None
    starts_at: datetime
    ends_at: datetime
    status: str
    business: str

    def as_named_json(self) -> dict[str, Any]:
        """Return the fields for chats and tool results."""
        return {**asdict(self), "starts_at": self.starts_at.isoformat(), "ends_at": self.ends_at.isoformat()}

    def as_json(self) -> dict[str, Any]:
        """Return the fields for responses: without the name of the business."""
        document = self.as_named_json()
        del document["business"]
        return document


class AppointmentBook:
    """Books, moves, cancels and lists appointments, and records each change; `channel` is chat or api.

    `before_commit` is the failpoint of a booking: called with the business id when the booking is written in part.
    What it raises rolls the booking back. Every method raises DatabaseUnavailableError when the database does not
    answer in time.
    """

    def __init__(
        self,
        database: Database,
        metrics: AssistantMetrics,
        telemetry: Telemetry,
        before_commit: Callable[[str], None],
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._telemetry = telemetry
        self._before_commit = before_commit

    def book(self, order: BookingOrder, *, channel: str) -> tuple[Appointment, bool]:
        """Book, and count the booking as done, refused or failed.

        Returns:
            The appointment, and whether the same idempotency key had booked it before.

        Raises:
            BookingRejectedError: the time cannot be booked.
            BookingFailedError: the failpoint raised it; nothing is stored.
        """
        try:
            appointment, replayed = self._book(order)
        except BookingRejectedError:
            self._metrics.booking("refused", order.business, channel=channel)
            raise
        except Exception:
            self._metrics.booking("failed", order.business, channel=channel)
            raise
        if not replayed:
            self._metrics.booking("done", order.business, channel=channel)
            self._record("booked", order.business, appointment, channel)
        return appointment, replayed

    def _book(self, order: BookingOrder) -> tuple[Appointment, bool]:
        business = order.business
        starts_at, ends_at = opening_hours.period(business, order.starts_at)
        if replayed := self._find_replayed(order):
            return replayed, True
        check_time(business, starts_at)
        for provider in order.candidates():
            row = AppointmentRow(
                id=new_id(),
                business_id=business.id,
                provider_id=provider.id,
                user_id=order.user_id,
                service=order.service,
                starts_at=starts_at,
                ends_at=ends_at,
                status=BOOKED,
                idempotency_key=order.key_hash(),
                request_hash=order.request_hash(),
            )
            try:
                with self._database.write() as session:
                    session.add(row)
                    session.flush()
                    self._before_commit(business.id)
                    session.execute(insert(BusyTime), _busy_times(row, business))
                return describe(business, row), False
            except IntegrityError:
                # Either the time is taken, or a parallel request with the same key booked it.
                if replayed := self._find_replayed(order):
                    return replayed, True
        raise _taken(business, starts_at)

    def _find_replayed(self, order: BookingOrder) -> Appointment | None:
        """Return the appointment that the order's idempotency key booked before."""
        key = order.key_hash()
        if key is None:
            return None
        with self._database.read() as session:
            row = session.scalars(select(AppointmentRow).where(AppointmentRow.idempotency_key == key)).one_or_none()
        if row is None:
            return None
        if row.request_hash != order.request_hash():
            detail = "This Idempotency-Key was used for another booking; take a new one."
            raise BookingRejectedError("key-reused", detail)
        return describe(order.business, row)

    def move(self, business: Business, appointment_id: str, starts_at: datetime, *, channel: str) -> Appointment:
        """Move a booked appointment to another time with the same provider, and return it.

        Raises:
            BookingRejectedError: the time cannot be booked, or there is no such booked appointment.
        """
        check_time(business, starts_at)
        try:
            with self._database.write() as session:
                row = session.get(AppointmentRow, appointment_id, with_for_update=True)
                if row is None or row.status != BOOKED:
                    raise BookingRejectedError("unknown", "There is no such booked appointment.")
                row.starts_at, row.ends_at = opening_hours.period(business, starts_at)
                session.execute(delete(BusyTime).where(BusyTime.appointment_id == row.id))
                session.execute(insert(BusyTime), _busy_times(row, business))
        except IntegrityError:
            raise _taken(business, starts_at) from None
        return self._record("moved", business, describe(business, row), channel)

    def cancel(self, business: Business, row: AppointmentRow, *, channel: str) -> Appointment | None:
        """Cancel an appointment, free its time, and return it; None when it was not booked."""
        with self._database.write() as session:
            changed = session.execute(
                update(AppointmentRow)
                .where(AppointmentRow.id == row.id, AppointmentRow.status == BOOKED)
                .values(status=CANCELLED)
            )
            session.execute(delete(BusyTime).where(BusyTime.appointment_id == row.id))
        if not changed.rowcount:  # type: ignore[attr-defined]
            return None
        row.status = CANCELLED
        return self._record("cancelled", business, describe(business, row), channel)

    def get(self, appointment_id: str) -> AppointmentRow | None:
        """Return the row of an appointment; None for an unknown id."""
        with self._database.read() as session:
            return session.get(AppointmentRow, appointment_id)

    def list(
        self, limit: int, *, not_before: datetime | None = None, after: str | None = None, **equal: str | None
    ) -> Sequence[AppointmentRow]:
        """Return appointments in the order of their times.

        Args:
            limit: number of appointments at most.
            not_before: earliest start.
            after: id of the last appointment of the previous page.
            equal: values of business_id, user_id and status; None does not filter.

        Raises:
            BookingRejectedError: `after` is not the id of an appointment.
        """
        query = select(AppointmentRow).filter_by(**{column: value for column, value in equal.items() if value})
        query = query.order_by(AppointmentRow.starts_at, AppointmentRow.id).limit(limit)
        if not_before:
            query = query.where(AppointmentRow.starts_at >= not_before)
        with self._database.read() as session:
            if after:
                last = session.get(AppointmentRow, after)
                if last is None:
                    raise BookingRejectedError("unknown", "`after` is not the id of an appointment.")
                query = query.where(tuple_(AppointmentRow.starts_at, AppointmentRow.id) > (last.starts_at, last.id))
            return session.scalars(query).all()

    def _record(self, action: str, business: Business, appointment: Appointment, channel: str) -> Appointment:
        """Count and log a change, and return the appointment."""
        self._metrics.appointment(action, business)
        self._telemetry.log(
            "application",
            f"appointment.{action}",
            f"appointment {action}",
            logger="assistant.booking",
            appointment_id=appointment.id,
            provider_id=appointment.provider_id,
            business_kind=business.kind,
            channel=channel,
        )
        return appointment


def check_time(business: Business, starts_at: datetime) -> None:
    """Check whether an appointment can start at a time.

    Raises:
        BookingRejectedError: it is past, too far, off the grid of quarters, or outside of the opening hours.
    """
    now = datetime.now(UTC)
    if starts_at <= now:
        raise BookingRejectedError("past", f"{_format_time(business, starts_at)} is in the past.")
    if starts_at > now + opening_hours.HORIZON:
        raise BookingRejectedError("too-far", f"Appointments can be booked {opening_hours.HORIZON.days} days ahead.")
    if not opening_hours.on_grid(business, starts_at):
        raise BookingRejectedError(
            "off-grid", "Appointments start at a full quarter of an hour in the business's time zone."
        )
    if not opening_hours.is_open(business, starts_at):
        raise BookingRejectedError("closed", f"{business.name} is closed at {_format_time(business, starts_at)}.")


def describe(business: Business, row: AppointmentRow) -> Appointment:
    """Return the appointment of a row."""
    return Appointment(
        id=row.id,
        business_id=business.id,
        provider_id=row.provider_id,
        provider=next(provider.name for provider in business.providers if provider.id == row.provider_id),
        service=row.service,
        starts_at=row.starts_at.astimezone(business.zone),
        ends_at=row.ends_at.astimezone(business.zone),
        status=row.status,
        business=business.name,
    )


def _busy_times(row: AppointmentRow, business: Business) -> list[dict[str, Any]]:
    # In the order of time, so that two overlapping bookings cannot deadlock.
    return [
        {"provider_id": row.provider_id, "quarter": quarter, "appointment_id": row.id}
        for quarter in opening_hours.quarters(row.starts_at, business.minutes)
    ]


def _taken(business: Business, starts_at: datetime) -> BookingRejectedError:
    return BookingRejectedError("taken", f"{_format_time(business, starts_at)} is taken.")


def _hash(values: list[str | None]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _format_time(business: Business, moment: datetime) -> str:
    return local_time.format_time(moment.astimezone(business.zone))
