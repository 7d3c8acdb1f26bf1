"""What each simulated person has in mind, decided from a seed before anything is sent.

The answers of the assistant never change a plan, only how far it gets: the same seed gives the same plan.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# Think time between two requests of a person: with four people about two requests a second reach the assistant.
_THINK_SECONDS = (1.0, 2.2)


@dataclass(frozen=True)
class Visit:
    """One appointment in a person's life: booked, read, cancelled.

    `business` (0 to 1) picks one of the person's businesses, `wording` the sentences; `prediction` holds the features
    of a no-show prediction, `patience` says how often they ask again when the assistant fails, `thinks` are seconds
    between requests, used in turn.
    """

    business: float
    wording: int
    reads: Literal["chat", "list"]
    cancels: Literal["chat", "list"]
    stars: int | None
    looks_at_slots: bool
    prediction: dict[str, float] | None
    tracks: str | None
    patience: int
    thinks: tuple[float, ...]


def visits(seed: int, person: str) -> Iterator[Visit]:
    """Yield a person's visits without end; each is drawn from the seed, the person and its number alone."""
    number = 0
    while True:
        yield _visit(random.Random(f"{seed}/{person}/{number}"))  # noqa: S311 - a plan, not a secret
        number += 1


def _visit(rng: random.Random) -> Visit:
    return Visit(
        # Squared: the first businesses of the list are the popular ones.
        business=rng.random() ** 2,
        wording=rng.randrange(1_000_000),
        reads=rng.choice(("chat", "list")),
        cancels=rng.choice(("chat", "list")),
        stars=rng.choices((5, 4, 3, 2), weights=(12, 6, 2, 1))[0] if rng.random() < 0.5 else None,
        looks_at_slots=rng.random() < 0.3,
        prediction=_features(rng) if rng.random() < 0.6 else None,
        tracks=rng.choice(("page_view", "search", "share")) if rng.random() < 0.4 else None,
        patience=rng.choice((1, 2, 3)),
        thinks=tuple(round(rng.uniform(*_THINK_SECONDS), 2) for _ in range(8)),
    )


def _features(rng: random.Random) -> dict[str, float]:
    """Draw the features of a no-show prediction, the same distribution at any hour: steady traffic never drifts."""
    return {
        "lead_time_hours": round(min(rng.expovariate(1 / 96), 24 * 60), 1),
        "hour_of_day": rng.randint(8, 18),
        "day_of_week": rng.randint(0, 5),
        "previous_no_shows": rng.choices((0, 1, 2, 3), weights=(70, 20, 7, 3))[0],
        "age": rng.randint(18, 85),
    }
