"""What a scenario is: who comes, what breaks and when, what is to be seen, and who must be told.

A scenario is a class in a file of its own in `loadtest/scenarios`, with nothing but declarations in it. Nothing here
needs Locust, so that the lab command can read scenarios without starting it.
"""

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

# For `must_not`: no alert at all may come that is neither in `must` nor in `may`.
ANY = "*"


@dataclass(frozen=True)
class Fault:
    """A fault, switched on `at` seconds after the start for `duration` seconds.

    `at` may be a range, from which the seed draws. `service` is the service whose admin door switches it.
    """

    service: str
    name: str
    at: float | tuple[float, float]
    duration: float
    strength: float = 1.0
    target: str = "*"
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """The number of users at one second of the scenario; between two stages it changes evenly."""

    at: float
    users: int


@dataclass(frozen=True)
class Effect:
    """Something that must be seen in Prometheus: `query` gives a value above zero within `within` seconds.

    The seconds count from the moment when the first fault is on, without a fault from the start.
    """

    text: str
    query: str
    within: float


@dataclass(frozen=True)
class PlannedFault:
    """A fault with its second drawn."""

    service: str
    name: str
    at: float
    duration: float
    strength: float
    target: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A scenario with everything drawn from a seed: the same seed gives the same plan.

    `weights` says which users come beside the always-on ones and `stages` how many, both empty where none do;
    `duration` is how long it lasts at least, in seconds.
    """

    faults: tuple[PlannedFault, ...]
    weights: Mapping[str, int]
    stages: tuple[Stage, ...]
    duration: float


class Scenario:
    """Base of all scenarios. Subclasses set what differs; all times are in seconds."""

    # As on the command line.
    name: ClassVar[str]
    # One sentence: what happens to whom.
    story: ClassVar[str]
    # User classes of `loadtest.users` and their weights, beside the always-on users. Empty: only those.
    users: ClassVar[Mapping[str, int]] = {}
    # Number of those users over time.
    shape: ClassVar[tuple[Stage, ...]] = ()
    # The number over time when the command line asks for a quick run; as `shape` when empty.
    quick_shape: ClassVar[tuple[Stage, ...]] = ()
    faults: ClassVar[tuple[Fault, ...]] = ()
    effects: ClassVar[tuple[Effect, ...]] = ()
    # Names of alerts that must reach the pager and resolve, may reach it, must not reach it (ANY: no other).
    must: ClassVar[tuple[str, ...]] = ()
    may: ClassVar[tuple[str, ...]] = ()
    must_not: ClassVar[tuple[str, ...]] = ()
    # Seconds from the first fault to the pager, and from the last fault's end to resolved.
    page_within: ClassVar[float] = 60
    resolve_within: ClassVar[float] = 150
    # How long it lasts at least, all at once and with --quick (which also ends a fault once its alerts have come).
    duration: ClassVar[float] = 60
    quick_duration: ClassVar[float] = 20
    # Servers without which it says nothing.
    needs: ClassVar[tuple[str, ...]] = ("assistant", "model", "prometheus")

    @classmethod
    def plan(cls, seed: int, *, quick: bool = False, users: int | None = None) -> Plan:
        """Draw what the seed decides.

        `users` sets the peak number of users beside the always-on ones; customers where the scenario has none.
        """
        rng = random.Random(f"{cls.name}/{seed}")  # noqa: S311 - a plan, not a secret
        faults = tuple(_draw(fault, rng) for fault in cls.faults)
        stages = (cls.quick_shape or cls.shape) if quick else cls.shape
        weights = cls.users
        if users is not None:
            weights = (cls.users or {"Customer": 1}) if users else {}
            stages = _scaled(stages or (Stage(0, 1),), users) if users else ()
        duration = cls.quick_duration if quick else cls.duration
        return Plan(faults, weights, stages, duration)


def users_at(stages: tuple[Stage, ...], second: float) -> int:
    """Return the number of users at a second of the scenario; after the last stage its number stays."""
    if not stages or second <= stages[0].at:
        return stages[0].users if stages else 0
    for before, after in itertools.pairwise(stages):
        if second < after.at:
            share = (second - before.at) / (after.at - before.at)
            return round(before.users + share * (after.users - before.users))
    return stages[-1].users


def _draw(fault: Fault, rng: random.Random) -> PlannedFault:
    at = rng.uniform(*fault.at) if isinstance(fault.at, tuple) else fault.at
    return PlannedFault(
        fault.service, fault.name, round(at, 1), fault.duration, fault.strength, fault.target, fault.parameters
    )


def _scaled(stages: tuple[Stage, ...], peak: int) -> tuple[Stage, ...]:
    highest = max(stage.users for stage in stages)
    return tuple(Stage(stage.at, round(stage.users * peak / highest)) for stage in stages)
