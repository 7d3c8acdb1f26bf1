"""Personas and the sessions that a seed draws for each simulated user.

The same seed gives the same plan: the assistant's responses change only how far a user gets. Nothing depends on the
clock, so the metrics look the same at any hour.
"""

import bisect
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Goal = Literal["book", "hesitate", "give up", "look around"]
# The result of a conversation for its user.
Result = Literal["booked", "left", "not booked", "handed over", "failed"]


@dataclass(frozen=True)
class Persona:
    """One kind of user: weighted goals, the range of think times in seconds, and possible numbers of retries."""

    goals: tuple[tuple[Goal, int], ...]
    thinks: tuple[float, float]
    patience: tuple[int, ...]


PERSONAS = {
    # Four of them send about two requests a second.
    "BaselineUser": Persona((("book", 80), ("hesitate", 12), ("give up", 8)), (1.0, 2.2), (1, 2, 3)),
    "Customer": Persona((("book", 75), ("hesitate", 15), ("give up", 10)), (1.0, 2.2), (1, 2, 3)),
    "Hesitant": Persona((("book", 10), ("hesitate", 60), ("give up", 30)), (2.0, 6.0), (1, 2)),
    "Impatient": Persona((("book", 100),), (0.3, 0.8), (4, 5, 6)),
    "Owner": Persona((("look around", 100),), (1.5, 5.0), (1,)),
}

# The weights of hours from 8 to 18: peaks in the late morning and after work, a dip at lunch.
_HOURS = dict(zip(range(8, 19), (5, 9, 13, 12, 6, 6, 9, 11, 13, 11, 5), strict=True))
_DAYS = dict(enumerate((20, 18, 17, 16, 19, 10)))
_STARS: dict[Result, dict[int, int]] = {
    "booked": {5: 60, 4: 30, 3: 10},
    "left": {5: 20, 4: 40, 3: 30, 2: 10},
    "handed over": {4: 30, 3: 50, 2: 20},
    "not booked": {3: 30, 2: 40, 1: 30},
    "failed": {2: 25, 1: 75},
}


@dataclass(frozen=True)
class Session:
    """One session of a user: an appointment is booked, read and cancelled, or the user leaves without one.

    `business` and `mood` are numbers from 0 to 1, which `popular` maps to a business and `stars` to a rating.
    `wording` picks the sentences, `doubts` is the number of questions before a hesitant user decides (`decides`).
    `prediction` has the features of a no-show prediction. `patience` is the number of retries, `thinks` are the think
    times in seconds, used in turn.
    """

    goal: Goal
    business: float
    wording: int
    doubts: int
    decides: bool
    reads: Literal["chat", "list"]
    cancels: Literal["chat", "list"]
    rates: bool
    mood: float
    looks_at_slots: bool
    prediction: dict[str, float] | None
    tracks: str | None
    patience: int
    thinks: tuple[float, ...]


def sessions(seed: int, person: str, user_class: str = "Customer") -> Iterator[Session]:
    """Yield a user's sessions without end; each depends on the seed, the user's name and its number only."""
    persona = PERSONAS[user_class]
    for number in itertools.count():
        yield _session(random.Random(f"{seed}/{person}/{number}"), persona)  # noqa: S311 - a plan, not a secret


def popular(share: float, count: int) -> int:
    """Return the index of a business among `count` for a number from 0 to 1; popularity follows Zipf's law."""
    weights = list(itertools.accumulate(1 / rank for rank in range(1, count + 1)))
    return min(bisect.bisect_right(weights, share * weights[-1]), count - 1)


def stars(result: Result, mood: float) -> int:
    """Return the rating of a user in that mood, from 0 (best) to 1, for the result of a conversation."""
    weights = list(itertools.accumulate(_STARS[result].values()))
    position = bisect.bisect_right(weights, mood * weights[-1])
    return list(_STARS[result])[min(position, len(weights) - 1)]


def _session(rng: random.Random, persona: Persona) -> Session:
    goals, weights = zip(*persona.goals, strict=True)
    return Session(
        goal=rng.choices(goals, weights)[0],
        business=rng.random(),
        wording=rng.randrange(1_000_000),
        doubts=rng.choice((1, 1, 2, 3)),
        decides=rng.random() < 0.5,
        reads=rng.choice(("chat", "list")),
        cancels=rng.choice(("chat", "list")),
        rates=rng.random() < 0.5,
        mood=rng.random(),
        looks_at_slots=rng.random() < 0.3,
        prediction=_features(rng) if rng.random() < 0.6 else None,
        tracks=rng.choice(("page_view", "search", "share")) if rng.random() < 0.4 else None,
        patience=rng.choice(persona.patience),
        thinks=tuple(round(rng.uniform(*persona.thinks), 2) for _ in range(8)),
    )


def _features(rng: random.Random) -> dict[str, float]:
    """Draw the features of a no-show prediction.

    Hour and day are those of the appointment. Their weights are constant, so steady traffic has no drift.
    """
    return {
        "lead_time_hours": round(min(rng.expovariate(1 / 96), 24 * 60), 1),
        "hour_of_day": rng.choices(tuple(_HOURS), tuple(_HOURS.values()))[0],
        "day_of_week": rng.choices(tuple(_DAYS), tuple(_DAYS.values()))[0],
        "previous_no_shows": rng.choices((0, 1, 2, 3), weights=(70, 20, 7, 3))[0],
        "age": rng.randint(18, 85),
    }
