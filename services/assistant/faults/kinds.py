"""The faults that can be switched on in the assistant."""

from typing import Final

from pydantic import Field

from services.web.bodies import StrictModel
from services.web.faults import Fault

# Names of exceptions in Python.
_ERROR_TYPE = r"^[A-Z][A-Za-z0-9]{2,59}$"
_REQUESTS = ("route", "business_id")


class SlowQueryParameters(StrictModel):
    """Seconds of the slow statement."""

    seconds: float = Field(default=2.0, gt=0, le=60)


class MemoryLeakParameters(StrictModel):
    """Speed of the leak, and the share of the memory limit at which it stops."""

    bytes_per_second: int = Field(default=8 * 1024**2, ge=64 * 1024, le=256 * 1024**2)
    limit_percent: float = Field(default=90, gt=0, le=95)


class DiskFillingParameters(StrictModel):
    """The share of its quota up to which the data folder is filled."""

    percent: float = Field(default=95, gt=0, le=100)


class NewExceptionParameters(StrictModel):
    """The exception of the failed requests."""

    # Empty: a new type.
    error_type: str = Field(default="", pattern=rf"^$|{_ERROR_TYPE}")


class BadReleaseParameters(NewExceptionParameters):
    """Version, added seconds and exception of the release."""

    # Empty: the version after the one that runs.
    version: str = Field(default="", max_length=32, pattern=r"^[A-Za-z0-9.+-]*$")
    seconds: float = Field(default=0.3, ge=0, le=10)


class SlowScrapesParameters(StrictModel):
    """Seconds that a scrape takes longer; Prometheus waits for 4."""

    seconds: float = Field(default=3.0, gt=0, le=10)


SLOW_QUERY: Final = Fault(
    "slow-query",
    "A request runs a slow statement before its others, and holds a connection for as long.",
    SlowQueryParameters,
    dimensions=_REQUESTS,
)
DATABASE_UNREACHABLE: Final = Fault(
    "database-unreachable", "Connections to the database are refused; intensity is the share of them."
)
POOL_EXHAUSTED: Final = Fault(
    "pool-exhausted", "Connections of the pool are held and never given back; intensity is the share of them."
)
MEMORY_LEAK: Final = Fault(
    "memory-leak",
    "Memory grows up to a share of its limit and is freed at the end; intensity scales how fast.",
    MemoryLeakParameters,
)
DISK_FILLING: Final = Fault(
    "disk-filling",
    "The data folder fills up to a share of its budget and is cleared at the end; intensity scales the share.",
    DiskFillingParameters,
)
BROKEN_BOOKING: Final = Fault(
    "broken-booking",
    "A booking that the customer confirmed fails halfway and is rolled back.",
    dimensions=_REQUESTS,
)
BAD_RELEASE: Final = Fault(
    "bad-release",
    "A new version runs: its requests are slower, and the share given by intensity fails with a new exception.",
    BadReleaseParameters,
    dimensions=_REQUESTS,
)
NEW_EXCEPTION: Final = Fault(
    "new-exception",
    "Requests fail with an exception that was never seen.",
    NewExceptionParameters,
    dimensions=_REQUESTS,
)
SLOW_SCRAPES: Final = Fault(
    "slow-scrapes",
    "A scrape takes seconds longer; intensity is the share of the scrapes.",
    SlowScrapesParameters,
)
CONFLICTING_SERIES: Final = Fault(
    "conflicting-series", "The quota of the data folder has two series, and a rule that divides by it fails."
)
ALL: Final = (
    SLOW_QUERY,
    DATABASE_UNREACHABLE,
    POOL_EXHAUSTED,
    MEMORY_LEAK,
    DISK_FILLING,
    BROKEN_BOOKING,
    BAD_RELEASE,
    NEW_EXCEPTION,
    SLOW_SCRAPES,
    CONFLICTING_SERIES,
)
