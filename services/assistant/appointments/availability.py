"""Free times of a business."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.assistant.appointments import local_time, opening_hours
from services.assistant.appointments.business import Business, Provider
from services.assistant.storage.database import Database
from services.assistant.storage.tables import BusyTime

# Days that a search for the next free times covers.
SEARCH_DAYS = 30
_ALTERNATIVES = 3


def free_times(
    database: Database,
    business: Business,
    *,
    day: date | None = None,
    after: datetime | None = None,
    provider: Provider | None = None,
    limit: int = 100,
) -> list[datetime]:
    """Return free starting times in the business's zone: of one local day, or of the next days that have any.

    The times are half an hour apart; the quarters between them can be booked, too.

    Args:
        database, business: whose times.
        day: in the business's zone; None searches the next SEARCH_DAYS days.
        after: earliest time.
        provider: None for any.
        limit: number of times at most.

    Raises:
        DatabaseUnavailableError: the database did not answer in time.
    """
    now = datetime.now(UTC)
    latest = now + opening_hours.HORIZON
    earliest = max(after, now) if after else now
    if earliest > latest or (day and not _local_day(business, now) <= day <= _local_day(business, latest)):
        return []
    first = day or _local_day(business, earliest)
    days = [first + timedelta(days=number) for number in range(1 if day else SEARCH_DAYS)]
    providers = [provider] if provider else list(business.providers)
    with database.read() as session:
        for at in range(0, len(days), 7):
            week = days[at : at + 7]
            starts = [
                start
                for chosen in week
                for start in opening_hours.starts_of_day(business, chosen, earliest)
                if start <= latest
            ]
            found = _filter_free(session, business, starts, providers)
            if found:
                return [start.astimezone(business.zone) for start in found[:limit]]
    return []


def alternatives(
    database: Database, business: Business, starts_at: datetime, provider: Provider | None = None
) -> list[datetime]:
    """Return free times near one that cannot be booked: of the same day if any, else of the days after it.

    Args:
        database, business: whose times.
        starts_at: the time that cannot be booked.
        provider: None for any.

    Raises:
        DatabaseUnavailableError: the database did not answer in time.
    """
    wanted = starts_at.astimezone(UTC)
    same_day = free_times(database, business, day=_local_day(business, wanted), provider=provider)
    if same_day:
        # In UTC: Python compares two times of one zone by what the clock shows, which may show a time twice.
        nearest = sorted((start.astimezone(UTC) for start in same_day), key=lambda start: abs(start - wanted))
        return [start.astimezone(business.zone) for start in sorted(nearest[:_ALTERNATIVES])]
    return free_times(database, business, after=wanted, provider=provider, limit=_ALTERNATIVES)


def next_free_times(
    database: Database, business: Business, day: date, *, provider: Provider | None = None, limit: int
) -> list[datetime]:
    """Return free times of the first days from a local day on that have any.

    Args:
        database, business: whose times.
        day: in the business's zone; a past day searches from now on.
        provider: None for any.
        limit: number of times at most.

    Raises:
        DatabaseUnavailableError: the database did not answer in time.
    """
    if day > _local_day(business, datetime.now(UTC) + opening_hours.HORIZON):
        return []
    midnight = local_time.resolve_forward(datetime.combine(day, time()), business.zone)
    return free_times(database, business, after=midnight, provider=provider, limit=limit)


def _local_day(business: Business, moment: datetime) -> date:
    return moment.astimezone(business.zone).date()


def _filter_free(
    session: Session, business: Business, starts: list[datetime], providers: Sequence[Provider]
) -> list[datetime]:
    if not starts:
        return []
    rows = session.execute(
        select(BusyTime.provider_id, BusyTime.quarter).where(
            BusyTime.provider_id.in_([provider.id for provider in providers]),
            BusyTime.quarter >= starts[0],
            BusyTime.quarter < starts[-1] + business.duration,
        )
    )
    busy = {(provider_id, quarter) for provider_id, quarter in rows}
    return [
        start
        for start in starts
        if any(
            all((provider.id, quarter) not in busy for quarter in opening_hours.quarters(start, business.minutes))
            for provider in providers
        )
    ]
