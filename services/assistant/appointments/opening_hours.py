"""Opening hours: arithmetic on hours, quarters of an hour and time zones."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

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
    period = opening(business, starts_at.astimezone(business.zone).date())
    return period is not None and period[0] <= starts_at and starts_at + business.duration <= period[1]


def on_grid(starts_at: datetime) -> bool:
    """Return whether the time is a full quarter of an hour; it is so in every zone, as offsets are quarters too."""
    return starts_at.minute % 15 == 0 and starts_at.second == 0 and starts_at.microsecond == 0


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
    period = opening(business, day)
    if period is None:
        return
    opens, closes = period
    moment = opens if not_before <= opens else round_up(not_before)
    while moment + business.duration <= closes:
        yield moment
        moment += HALF_HOUR


def _instant(business: Business, day: date, minutes: int) -> datetime:
    """Return the time in UTC that is so many minutes after local midnight; 1440 is the midnight after the day."""
    extra, rest = divmod(minutes, DAY_MINUTES)
    local = datetime.combine(day + timedelta(days=extra), time(rest // 60, rest % 60), tzinfo=business.zone)
    return local.astimezone(UTC)
