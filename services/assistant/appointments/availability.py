"""Which times of a business are free."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.assistant.appointments import opening_hours
from services.assistant.appointments.business import Business, Provider
from services.assistant.storage.database import Database
from services.assistant.storage.tables import BusyTime

HALF_HOUR = timedelta(minutes=30)
# How many days a search for the next free times walks before it gives up.
SEARCH_DAYS = 30


def free_times(
    database: Database,
    business: Business,
    *,
    day: date | None = None,
    after: datetime | None = None,
    provider: Provider | None = None,
    limit: int = 100,
    now: datetime | None = None,
) -> list[datetime]:
    """Return free starting times in the business's zone: of one local day, or of the next days that have any.

    Times are half an hour apart; a quarter past can be booked too when it is asked for.
    """
    now = now or datetime.now(UTC)
    latest = now + opening_hours.HORIZON
    earliest = max(after, now) if after else now
    if earliest > latest or (day and not now.date() - timedelta(days=1) <= day <= latest.date()):
        return []
    first = day or earliest.astimezone(business.zone).date()
    days = [first + timedelta(days=number) for number in range(1 if day else SEARCH_DAYS)]
    wanted = [provider] if provider else list(business.providers)
    with database.read() as session:
        for at in range(0, len(days), 7):
            week = days[at : at + 7]
            starts = [
                start
                for chosen in week
                for start in opening_hours.starts_of_day(business, chosen, earliest, HALF_HOUR)
                if start <= latest
            ]
            found = _free_of(session, business, starts, wanted)
            if found:
                return [start.astimezone(business.zone) for start in found[:limit]]
    return []


def alternatives(
    database: Database, business: Business, starts_at: datetime, provider: Provider | None = None, limit: int = 3
) -> list[datetime]:
    """Return free times near a wish that could not be met: of the same day if any, else of the days after it."""
    day = starts_at.astimezone(business.zone).date()
    today = datetime.now(business.zone).date()
    same = free_times(database, business, day=day, provider=provider) if day >= today else []
    if same:
        nearest = sorted(same, key=lambda start: abs(start - starts_at))[:limit]
        return sorted(nearest)
    return free_times(database, business, after=starts_at, provider=provider, limit=limit)


def _free_of(
    session: Session, business: Business, starts: list[datetime], providers: Sequence[Provider]
) -> list[datetime]:
    if not starts:
        return []
    length = timedelta(minutes=business.minutes)
    rows = session.execute(
        select(BusyTime.provider_id, BusyTime.quarter).where(
            BusyTime.provider_id.in_([provider.id for provider in providers]),
            BusyTime.quarter >= starts[0],
            BusyTime.quarter < starts[-1] + length,
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
