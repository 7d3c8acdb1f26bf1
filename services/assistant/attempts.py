"""Bookings that were begun and came to nothing: whose doing it was, counted the same way in chat and API."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.assistant.booking import Refused
from services.assistant.directory import Business
from services.assistant.instruments import Instruments


@contextmanager
def attempt(instruments: Instruments, business: Business, *, through: str) -> Iterator[None]:
    """Count the booking of this block when it is refused or fails; one that is done is counted by its report."""
    try:
        yield
    except Refused:
        instruments.booking("refused", business, through=through)
        raise
    except Exception:
        instruments.booking("failed", business, through=through)
        raise
