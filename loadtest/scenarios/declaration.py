"""A scenario: its load, faults, expected effects and alerts.

A scenario is a class in a file of its own in `loadtest/scenarios`, with nothing but declarations in it. Nothing here
needs Locust, so that the lab command can read scenarios without starting it.
"""

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeVar

from loadtest.scenarios.preconditions import Precondition

T = TypeVar("T")

# For `forbidden_alerts`: every alert that is not declared otherwise.
ANY = "*"
# For `Fault.service`: the fault is done to a whole server, from the host. Its only name is `stop`, `target` the server.
ENGINE = "engine"
# Seconds; the services refuse a fault that is to last longer.
LONGEST_FAULT = 3600


@dataclass(frozen=True)
class Fault:
    """A fault, switched on `at` seconds after the start for `duration` seconds.

    `at` may be a range, from which the seed draws. `service` is the service whose admin API switches it, or ENGINE.
    """

    service: str
    name: str
    at: float | tuple[float, float]
    duration: float
    intensity: float = 1.0
    target: str = "*"
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """The number of users at one second of the scenario; between two stages it changes evenly."""

    at: float
    users: int


@dataclass(frozen=True)
class Effect:
    """Something that must be seen within `within` seconds.

    In Prometheus: `query` gives a value above zero. In Loki: it selects a line that was written since.
    The seconds count from the moment when the fault `of` is on (a label, such as `errors` or `stop-loki`; empty: the
    first one), without a fault from the start. What holds before that proves nothing and counts as not seen, except
    where `always` says that it is something that goes on and must not end.
    """

    text: str
    query: str
    within: float
    source: Literal["prometheus", "loki"] = "prometheus"
    of: str = ""
    always: bool = False


@dataclass(frozen=True)
class Absence:
    """Something that must not be seen in Prometheus while the scenario runs: `query` never gives a value above zero."""

    text: str
    query: str


@dataclass(frozen=True)
class RandomFault:
    """One fault from which a game day draws, with its effects and alerts."""

    fault: Fault
    effects: tuple[Effect, ...] = ()
    expected_alerts: tuple[str, ...] = ()
    allowed_alerts: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedFault:
    """A fault with its second drawn."""

    service: str
    name: str
    at: float
    duration: float
    intensity: float
    target: str
    parameters: Mapping[str, Any]

    @property
    def label(self) -> str:
        """How people call it: its name, for a stopped server `stop-SERVER`."""
        return f"{self.name}-{self.target}" if self.service == ENGINE else self.name


@dataclass(frozen=True)
class Expected:
    """What must be seen and what must not, and which alerts must, may and must not come; see Scenario."""

    effects: tuple[Effect, ...] = ()
    absences: tuple[Absence, ...] = ()
    expected_alerts: tuple[str, ...] = ()
    expected_without_resolve: tuple[str, ...] = ()
    inhibited_alerts: tuple[str, ...] = ()
    allowed_alerts: tuple[str, ...] = ()
    forbidden_alerts: tuple[str, ...] = ()
    within: Mapping[str, float] = field(default_factory=dict)
    page_within: float = 60
    resolve_within: float = 150

    @property
    def pages(self) -> tuple[str, ...]:
        """The alerts that must reach the pager, whether their end is awaited or not."""
        return (*self.expected_alerts, *self.expected_without_resolve)

    @property
    def proven(self) -> tuple[str, ...]:
        """The alerts that the scenario is there to set off."""
        return (*self.pages, *self.inhibited_alerts)

    @property
    def declared(self) -> frozenset[str]:
        """All alerts that it may set off."""
        return frozenset((*self.proven, *self.allowed_alerts))

    def limit(self, alert: str) -> float:
        """Return the seconds within which that alert must come."""
        return self.within.get(alert, self.page_within)


@dataclass(frozen=True)
class Plan:
    """A scenario with everything drawn from a seed: the same seed gives the same plan.

    `weights` has the users in addition to the baseline ones, `stages` their number; both empty without users;
    `duration` is how long it lasts at least, in seconds.
    """

    faults: tuple[PlannedFault, ...]
    weights: Mapping[str, int]
    stages: tuple[Stage, ...]
    duration: float
    expected: Expected = Expected()

    def with_duration(self, seconds: float) -> "Plan":
        """Return the plan that lasts so long at least: a fault that would go on beyond its end stops there.

        Raises:
            ValueError: a fault would not have come by then.
        """
        late = [fault for fault in self.faults if fault.at + 1 > seconds]
        if late:
            raise ValueError(f"{late[0].label} comes at second {late[0].at:g}")
        cut = tuple(replace(fault, duration=min(fault.duration, seconds - fault.at)) for fault in self.faults)
        return replace(self, faults=cut, duration=seconds)


class Scenario:
    """Base of all scenarios. Subclasses set what differs; all times are in seconds."""

    # As on the command line.
    name: ClassVar[str]
    # One sentence: what happens to whom.
    summary: ClassVar[str]
    # User classes of `loadtest.users.users` and their weights, in addition to the baseline users.
    users: ClassVar[Mapping[str, int]] = {}
    # Number of those users over time.
    shape: ClassVar[tuple[Stage, ...]] = ()
    # The number over time when the command line asks for a quick run; as `shape` when empty.
    quick_shape: ClassVar[tuple[Stage, ...]] = ()
    faults: ClassVar[tuple[Fault, ...]] = ()
    effects: ClassVar[tuple[Effect, ...]] = ()
    absences: ClassVar[tuple[Absence, ...]] = ()
    # A game day: the seed draws between `draw_least` and `draw_most` of these, one `draw_gap` seconds after the other.
    fault_pool: ClassVar[tuple[RandomFault, ...]] = ()
    min_faults: ClassVar[int] = 2
    max_faults: ClassVar[int] = 3
    fault_interval_seconds: ClassVar[float] = 30
    # No signal names the faults until the report.
    hidden: ClassVar[bool] = False
    # Names of alerts that must reach the pager and resolve, may reach it, must not reach it (ANY: no other).
    expected_alerts: ClassVar[tuple[str, ...]] = ()
    allowed_alerts: ClassVar[tuple[str, ...]] = ()
    forbidden_alerts: ClassVar[tuple[str, ...]] = ()
    # Alerts that must reach the pager, and whose windows are too long to wait for their end.
    expected_without_resolve: ClassVar[tuple[str, ...]] = ()
    # Alerts that must fire and must not reach the pager: another alert inhibits them.
    inhibited_alerts: ClassVar[tuple[str, ...]] = ()
    # Seconds from the first fault to the pager, for alerts that have a time of their own, and from the last fault's
    # end to resolved.
    page_within: ClassVar[float] = 60
    within: ClassVar[Mapping[str, float]] = {}
    resolve_within: ClassVar[float] = 150
    # The lab must have run for so long: an alert that compares with what was before needs something to compare with.
    min_uptime_seconds: ClassVar[float] = 0
    # What it waits to be rid of before it begins, for as long as a minute's stats remember it.
    preconditions: ClassVar[tuple[Precondition, ...]] = ()
    # Its place in a drill: lower ones first. With `last` it begins when every other scenario is over and resolved.
    order: ClassVar[int] = 50
    last: ClassVar[bool] = False
    # How long it lasts at least, all at once and with --quick (which also ends a fault once its alerts have come).
    duration: ClassVar[float] = 60
    quick_duration: ClassVar[float] = 20
    # How long it goes on after its last fault: an alert sees the end of it a scrape and an evaluation later.
    cooldown_seconds: ClassVar[float] = 0
    # Servers without which it says nothing.
    needs: ClassVar[tuple[str, ...]] = ("assistant", "model", "prometheus")
    # What it disturbs, in words that other scenarios use too (`memory`, `admin API`, `requests`). A drill runs those
    # side by side that share no word, when their alerts differ; without any word a scenario runs alone.
    exclusive_resources: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def plan(cls, seed: int, *, quick: bool = False, users: int | None = None) -> Plan:
        """Draw what the seed decides.

        `users` sets the peak number of users in addition to the baseline ones; customers where the scenario has none.
        """
        rng = random.Random(f"{cls.name}/{seed}")  # noqa: S311 - a plan, not a secret
        drawn = cls._drawn(rng)
        turns = [
            *((fault, 0.0) for fault in cls.faults),
            *((d.fault, cls.fault_interval_seconds * i) for i, d in enumerate(drawn)),
        ]
        faults = tuple(_plan_fault(fault, rng, after) for fault, after in turns)
        stages = (cls.quick_shape or cls.shape) if quick else cls.shape
        weights = cls.users
        if users is not None:
            weights = (cls.users or {"Customer": 1}) if users else {}
            stages = _scaled(stages or (Stage(0, 1),), users) if users else ()
        duration = cls.quick_duration if quick else cls.duration
        expected = Expected(
            effects=_each(cls.effects, *(draw.effects for draw in drawn)),
            absences=cls.absences,
            expected_alerts=_each(cls.expected_alerts, *(draw.expected_alerts for draw in drawn)),
            expected_without_resolve=cls.expected_without_resolve,
            inhibited_alerts=cls.inhibited_alerts,
            within=cls.within,
            allowed_alerts=_each(cls.allowed_alerts, *(draw.allowed_alerts for draw in drawn)),
            forbidden_alerts=cls.forbidden_alerts,
            page_within=cls.page_within,
            resolve_within=cls.resolve_within,
        )
        return Plan(faults, weights, stages, duration, expected)

    @classmethod
    def _drawn(cls, rng: random.Random) -> tuple[RandomFault, ...]:
        if not cls.fault_pool:
            return ()
        return tuple(rng.sample(cls.fault_pool, rng.randint(cls.min_faults, min(cls.max_faults, len(cls.fault_pool)))))


def users_at(stages: tuple[Stage, ...], second: float) -> int:
    """Return the number of users at a second of the scenario; after the last stage its number stays."""
    if not stages or second <= stages[0].at:
        return stages[0].users if stages else 0
    for before, after in itertools.pairwise(stages):
        if second < after.at:
            share = (second - before.at) / (after.at - before.at)
            return round(before.users + share * (after.users - before.users))
    return stages[-1].users


def problem(scenario: type[Scenario]) -> str | None:
    """Return the problem of a scenario's declarations, None without one."""
    lacking = [key for key in ("name", "summary") if not isinstance(getattr(scenario, key, None), str)]
    if lacking:
        return f"{scenario.__name__} has no {' and no '.join(lacking)}"
    for fault in (*scenario.faults, *(draw.fault for draw in scenario.fault_pool)):
        if wrong := _problem_of_fault(scenario, fault):
            return wrong
    if bool(scenario.users) != bool(scenario.shape):
        return f"{scenario.__name__}: `users` and `shape` go together"
    ways = [
        *scenario.expected_alerts,
        *scenario.expected_without_resolve,
        *scenario.inhibited_alerts,
        *scenario.allowed_alerts,
    ]
    if twice := sorted({name for name in ways if ways.count(name) > 1}):
        return (
            f"{scenario.__name__}: {', '.join(twice)} is declared twice (expected, without resolve, inhibited, allowed)"
        )
    return None


def _problem_of_fault(scenario: type[Scenario], fault: Fault) -> str | None:
    about = f"{scenario.__name__}: the fault `{fault.name}`"
    if not 0 < fault.intensity <= 1:
        return f"{about} has the intensity {fault.intensity:g}; it must be above 0 and at most 1"
    if not 1 <= fault.duration <= LONGEST_FAULT:
        return f"{about} lasts {fault.duration:g} s; it must be from 1 to {LONGEST_FAULT} s"
    if fault.service == ENGINE and (fault.name != "stop" or fault.target == "*"):
        return f"{about} of the engine must be `stop`, with a server as target"
    return None


def _plan_fault(fault: Fault, rng: random.Random, after: float) -> PlannedFault:
    at = after + (rng.uniform(*fault.at) if isinstance(fault.at, tuple) else fault.at)
    return PlannedFault(
        fault.service, fault.name, round(at, 1), fault.duration, fault.intensity, fault.target, fault.parameters
    )


def _each(*groups: tuple[T, ...]) -> tuple[T, ...]:
    """Return all members of the groups in their order, each once."""
    return tuple(dict.fromkeys(itertools.chain(*groups)))


def _scaled(stages: tuple[Stage, ...], peak: int) -> tuple[Stage, ...]:
    highest = max(stage.users for stage in stages)
    return tuple(Stage(stage.at, round(stage.users * peak / highest)) for stage in stages)
