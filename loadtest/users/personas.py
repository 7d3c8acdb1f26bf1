"""What each simulated person has in mind, decided from a seed before anything is sent.

The answers of the assistant never change a plan, only how far it gets: the same seed gives the same plan. Nothing is
drawn from the clock, so that a figure of today looks like one of tomorrow at any hour.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Goal = Literal["book", "hesitate", "give up", "look around"]
# What came of a conversation, for the person.
Result = Literal["booked", "left", "not booked", "handed over", "failed"]


@dataclass(frozen=True)
class Persona:
    """What one kind of person is like: goals with weights, seconds between two requests, and how often they insist."""

    goals: tuple[tuple[Goal, int], ...]
    thinks: tuple[float, float]
    patience: tuple[int, ...]


CHARACTERS = {
    # With four of them about two requests a second reach the assistant.
    "BaselineUser": Persona((("book", 80), ("hesitate", 12), ("give up", 8)), (1.0, 2.2), (1, 2, 3)),
    "Customer": Persona((("book", 75), ("hesitate", 15), ("give up", 10)), (1.0, 2.2), (1, 2, 3)),
    "Hesitant": Persona((("book", 10), ("hesitate", 60), ("give up", 30)), (2.0, 6.0), (1, 2)),
    "Impatient": Persona((("book", 100),), (0.3, 0.8), (4, 5, 6)),
    "Owner": Persona((("look around", 100),), (1.5, 5.0), (1,)),
}

# How popular a business is: its place in the list to this power. 1 is the classic heavy tail of cities and words.
_TAIL = 1.0
# When people want to come, hour by hour from 8 to 18: before work, late morning, a dip at lunch, after work.
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
    """One appointment in a person's life: booked, read, cancelled; or only thought about.

    `business` and `mood` are numbers from 0 to 1: `popular` makes a business of the one, `stars` a rating of the
    other. `wording` picks the sentences; `doubts` is how many questions a hesitating person asks before the decision
    that `decides` holds; `prediction` holds the features of a no-show prediction, `patience` says how often they ask
    again when the assistant fails, `thinks` are seconds between requests, used in turn.
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


def plan_of(seed: int, user_class: str, number: int, steps: int) -> tuple[Session, ...]:
    """Return the first sessions of a user: what the class of that name does as its user number so and so."""
    return tuple(itertools.islice(sessions(seed, f"{user_class.lower()}-{number}", user_class), steps))


def sessions(seed: int, person: str, user_class: str = "Customer") -> Iterator[Session]:
    """Yield a person's sessions without end; each is drawn from the seed, the person and its number alone."""
    persona = CHARACTERS[user_class]
    for number in itertools.count():
        yield _session(random.Random(f"{seed}/{person}/{number}"), persona)  # noqa: S311 - a plan, not a secret


def popular(share: float, count: int) -> int:
    """Return the place (from 0) of a business among `count`, the first the most popular, for a number from 0 to 1."""
    weights = list(itertools.accumulate(1 / place**_TAIL for place in range(1, count + 1)))
    wanted = share * weights[-1]
    return next((place for place, reached in enumerate(weights) if reached > wanted), count - 1)


def stars(result: Result, mood: float) -> int:
    """Return how many stars a person in that mood (0 to 1, 0 the best) gives for what came of the conversation."""
    odds = _STARS[result]
    reached = 0
    for number, weight in odds.items():
        reached += weight
        if mood * sum(odds.values()) < reached:
            return number
    return min(odds)


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

    Hour and day are those of the appointment, from curves that never change: steady traffic never drifts.
    """
    return {
        "lead_time_hours": round(min(rng.expovariate(1 / 96), 24 * 60), 1),
        "hour_of_day": rng.choices(tuple(_HOURS), tuple(_HOURS.values()))[0],
        "day_of_week": rng.choices(tuple(_DAYS), tuple(_DAYS.values()))[0],
        "previous_no_shows": rng.choices((0, 1, 2, 3), weights=(70, 20, 7, 3))[0],
        "age": rng.randint(18, 85),
    }
