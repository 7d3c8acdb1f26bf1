"""Opening hours: arithmetic on hours, quarters of an hour and time zones."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from services.assistant.appointments import local_time
from services.assistant.appointments.business import Business

QUARTER = timedelta(minutes=15)
HALF_HOUR = timedelta(minutes=30)
DAY_MINUTES = 24 * 60
# The last day that can be booked, and that a search for free times reaches.
HORIZON = timedelta(days=366)


def opening(business: Business, day: date) -> tuple[datetime, datetime] | None:
    """Return (opens, closes) of a local day in UTC, or None when closed."""
    hours = business.hours.get(day.weekday())
    return (_instant(business, day, hours[0]), _instant(business, day, hours[1])) if hours else None


def is_open(business: Business, starts_at: datetime) -> bool:
    """Return whether an appointment that starts then lies within the opening hours."""
    if business.hours.keys() >= set(range(7)) and all(hours == (0, DAY_MINUTES) for hours in business.hours.values()):
        return True
    hours = opening(business, starts_at.astimezone(business.zone).date())
    start, end = period(business, starts_at)
    return hours is not None and hours[0] <= start and end <= hours[1]


def on_grid(business: Business, starts_at: datetime) -> bool:
    """Return whether the clock of the business shows a full quarter of an hour."""
    local = starts_at.astimezone(business.zone)
    return local.minute % 15 == 0 and local.second == 0 and local.microsecond == 0


def period(business: Business, starts_at: datetime) -> tuple[datetime, datetime]:
    """Return (start, end) of an appointment in UTC: a clock change between them does not change its length."""
    start = starts_at.astimezone(UTC)
    return start, start + business.duration


def quarters(starts_at: datetime, minutes: int) -> list[datetime]:
    """Return the quarters of an hour that an appointment takes, in order, in UTC."""
    first = starts_at.astimezone(UTC)
    return [first + QUARTER * number for number in range(-(-minutes // 15))]


def round_up(moment: datetime) -> datetime:
    """Return the first full quarter of an hour that is not before `moment`."""
    moment = moment.astimezone(UTC)
    floor = moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)
    return floor if floor == moment else floor + QUARTER


def starts_of_day(business: Business, day: date, not_before: datetime) -> Iterator[datetime]:
    """Yield the times in UTC at which an appointment could start on a local day, half an hour apart.

    Args:
        business: whose opening hours count.
        day: in the business's zone.
        not_before: earliest time.
    """
    hours = opening(business, day)
    if hours is None:
        return
    opens, closes = hours
    moment = opens if not_before <= opens else round_up(not_before)
    while moment + business.duration <= closes:
        yield moment
        moment += HALF_HOUR


def _instant(business: Business, day: date, minutes: int) -> datetime:
    """Return the instant in UTC at which the clock shows so many minutes after midnight; 1440 is the next midnight."""
    local = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return local_time.resolve_forward(local, business.zone)
