"""The shifts of the next lab day, as bars to draw."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.pager.oncall.rotation import SECONDS_PER_LAB_MINUTE, Plan

DAY = timedelta(seconds=24 * 60 * SECONDS_PER_LAB_MINUTE)
# Number of colours for people in pager.css.
_COLOURS = 6


@dataclass(frozen=True)
class Shift:
    """A shift; `left` and `width` are percent of the drawn day."""

    responders: str
    fallback: bool
    colour: int
    start: datetime
    end: datetime
    left: float
    width: float


def upcoming(plan: Plan, level: int, now: datetime) -> list[Shift]:
    """Return the shifts of a level (from 0 on) during the next lab day; a gap in the file is a fallback shift."""
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
