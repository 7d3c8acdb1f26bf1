"""The coming lab day of the rotation, as bars to draw."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.pager.rotation import SECONDS_PER_LAB_MINUTE, Plan

DAY = timedelta(seconds=24 * 60 * SECONDS_PER_LAB_MINUTE)
# People have their own colour on the page; there are so many (pager.css).
_COLOURS = 6


@dataclass(frozen=True)
class Shift:
    """Who is on call from one moment to another; `left` and `width` are per cent of the day that is drawn."""

    who: str
    fallback: bool
    colour: int
    start: datetime
    end: datetime
    left: float
    width: float


def coming(plan: Plan, level: int, now: datetime) -> list[Shift]:
    """The shifts of a level (from 0 on) during the coming lab day, without a gap: a hole in the file is a fallback."""
    shifts: list[Shift] = []
    start, last = now, now + DAY
    while start < last:
        duty = plan.duty(level, start)
        end = min(duty.until or last, last)
        colour = plan.people.index(duty.responders[0]) % _COLOURS if duty.responders[0] in plan.people else 0
        shifts.append(
            Shift(
                ", ".join(duty.responders),
                duty.fallback,
                colour,
                start,
                end,
                _percent(start - now),
                _percent(end - start),
            )
        )
        start = end
    return shifts


def _percent(length: timedelta) -> float:
    return round(100 * (length / DAY), 3)
