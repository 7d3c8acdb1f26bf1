"""Times as servers write them, and polling."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


def parse_time(value: object) -> float | None:
    """Return the Unix time in seconds of an RFC 3339 text or a number; None for nothing, or for year 1 (Go's zero)."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float):
        return float(value)
    moment = datetime.fromisoformat(str(value))
    if moment.year == 1:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def wait_for(read: Callable[[], T | None], seconds: float, every: float = 0.2) -> T | None:
    """Call `read` until its result is true, at most `seconds` long; return the last result."""
    deadline = time.monotonic() + seconds
    while True:
        found = read()
        if found or time.monotonic() >= deadline:
            return found
        time.sleep(every)
