"""Bookings, moves and cancellations with their metrics and log lines: the same for chat and API."""

from collections.abc import Callable
from datetime import datetime

from services.assistant.appointments import booking
from services.assistant.appointments.booking import Appointment, BookingOrder, BookingRejectedError
from services.assistant.appointments.business import Business
from services.assistant.metrics import AssistantMetrics
from services.assistant.storage.database import Database
from services.assistant.storage.tables import AppointmentRow
from services.telemetry import Telemetry


class AppointmentBook:
    """Books, moves and cancels appointments, and records each; `channel` is chat or api.

    `before_commit` is the failpoint of a booking: called with the business id when the booking is written in part.
    What it raises rolls the booking back.
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
            DatabaseUnavailableError: the database did not answer in time.
        """
        business = order.business
        try:
            appointment, replayed = booking.book(self._database, order, lambda: self._before_commit(business.id))
        except BookingRejectedError:
            self._metrics.booking("refused", business, channel=channel)
            raise
        except Exception:
            self._metrics.booking("failed", business, channel=channel)
            raise
        if not replayed:
            self._metrics.booking("done", business, channel=channel)
            self._record("booked", business, appointment, channel)
        return appointment, replayed

    def move(self, business: Business, appointment_id: str, starts_at: datetime, *, channel: str) -> Appointment:
        """Move a booked appointment to another time with the same provider, and return it.

        Raises:
            BookingRejectedError: the time cannot be booked, or there is no such booked appointment.
            DatabaseUnavailableError: the database did not answer in time.
        """
        appointment = booking.move(self._database, business, appointment_id, starts_at)
        self._record("moved", business, appointment, channel)
        return appointment

    def cancel(self, business: Business, row: AppointmentRow, *, channel: str) -> Appointment | None:
        """Cancel an appointment, free its time, and return it; None when it was not booked.

        Raises:
            DatabaseUnavailableError: the database did not answer in time.
        """
        if not booking.cancel(self._database, row.id):
            return None
        row.status = booking.CANCELLED
        appointment = booking.describe(business, row)
        self._record("cancelled", business, appointment, channel)
        return appointment

    def _record(self, action: str, business: Business, appointment: Appointment, channel: str) -> None:
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
