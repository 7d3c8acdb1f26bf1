"""A booking that fails before its commit."""

from collections.abc import Callable

from services.assistant.appointments.booking import BookingFailedError
from services.assistant.faults import request_target
from services.assistant.faults.kinds import BROKEN_BOOKING
from services.web.faults import FaultRegistry


def failpoint(faults: FaultRegistry) -> Callable[[str], None]:
    """Return the failpoint of bookings.

    Called with a business id, it raises BookingFailedError while the fault hits.
    """

    def fail(business_id: str) -> None:
        if faults.hit(BROKEN_BOOKING.name, route=request_target.route(), business_id=business_id):
            raise BookingFailedError

    return fail
