"""A booking that breaks halfway."""

from collections.abc import Callable

from services.assistant.booking import BookingFailedError
from services.assistant.faults import at_hand
from services.assistant.faults.kinds import BROKEN_BOOKING
from services.web.faults import FaultRegistry


def midway(faults: FaultRegistry, business_id: str) -> Callable[[], None]:
    """Make what runs in the middle of a booking: it raises BookingFailedError while the fault is on."""

    def check() -> None:
        if faults.hit(BROKEN_BOOKING.name, route=at_hand.route(), business_id=business_id):
            raise BookingFailedError

    return check
