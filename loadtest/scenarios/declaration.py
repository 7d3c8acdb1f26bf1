"""A scenario: its load, faults, expected effects and alerts.

A scenario is a class of declarations in its own file in `loadtest/scenarios/catalogue`. Nothing here imports Locust:
the lab command reads scenarios without it.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, TypeVar

from loadtest.scenarios.preconditions import Precondition

T = TypeVar("T")

# For `forbidden_alerts`: every alert that is not declared otherwise.
ANY = "*"
# For `Fault.service`: the engine stops a whole server, on the host. The fault's name is `stop`, its target the server.
ENGINE = "engine"
# Seconds; the services refuse a longer fault.
LONGEST_FAULT = 3600
# What failed requests alone may fire.
ERROR_ALERTS = ("ErrorRateCritical", "ErrorRateHigh", "ErrorBudgetFastBurn", "ErrorBudgetSlowBurn")


@dataclass(frozen=True)
class Fault:
    """A fault that starts `at` seconds after the run for `duration` seconds.

    The seed draws from `at` where it is a range. `service` is the service whose admin API switches it, or ENGINE.
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
    """The number of users at one second of the scenario; linear between two stages."""

    at: float
    users: int


@dataclass(frozen=True)
class Effect:
    """An expected observation: within `within` seconds Prometheus returns a value above zero, or Loki a new line.

    The seconds count from the start of the fault `of`: a label such as `errors` or `stop-loki`, empty for the first
    one. Without faults they count from the start of the run. An effect that is true earlier is not counted, unless it
    is `always` true.
    """

    text: str
    query: str
    within: float
    source: Literal["prometheus", "loki"] = "prometheus"
    of: str = ""
    always: bool = False


def log_effect(text: str, kind: str, event: str, *, within: float) -> Effect:
    """Return the effect that the assistant logs an event of that kind within `within` seconds."""
    query = f'{{service_name="assistant", kind="{kind}"}} | event="{event}"'
    return Effect(text, query, within, source="loki")


@dataclass(frozen=True)
class Absence:
    """A forbidden observation: during the run `query` never returns a value above zero in Prometheus."""

    text: str
    query: str


@dataclass(frozen=True)
class RandomFault:
    """One fault of a game day's pool, with the effects of this fault and its alerts."""

    fault: Fault
    effects: tuple[Effect, ...] = ()
    allowed_alerts: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedFault(Fault):
    """A fault whose second is drawn."""

    at: float

    @property
    def label(self) -> str:
        """Return the name; `stop-SERVER` for a stopped server."""
        return f"{self.name}-{self.target}" if self.service == ENGINE else self.name


def fault_request(fault: Fault, *, hidden: bool = False) -> dict[str, Any]:
    """Return the body of the admin API's request that switches a fault on; signals do not name a `hidden` one."""
    body: dict[str, Any] = {
        "fault": fault.name,
        "intensity": fault.intensity,
        "duration_seconds": fault.duration,
        "target": fault.target,
        "parameters": dict(fault.parameters),
    }
    return body | {"hidden": True} if hidden else body


@dataclass(frozen=True)
class Expected:
    """The expectations of a plan; see Scenario for each field."""

    effects: tuple[Effect, ...]
    absences: tuple[Absence, ...]
    expected_alerts: tuple[str, ...]
    expected_without_resolve: tuple[str, ...]
    inhibited_alerts: tuple[str, ...]
    allowed_alerts: tuple[str, ...]
    forbidden_alerts: tuple[str, ...]
    within: Mapping[str, float]
    page_within: float
    resolve_within: float

    @property
    def pages(self) -> tuple[str, ...]:
        """Return the alerts that the pager must be notified of."""
        return (*self.expected_alerts, *self.expected_without_resolve)

    @property
    def proven(self) -> tuple[str, ...]:
        """Return the alerts that must fire, notified or inhibited."""
        return (*self.pages, *self.inhibited_alerts)

    @property
    def declared(self) -> frozenset[str]:
        """Return the alerts that must or may fire."""
        return frozenset((*self.proven, *self.allowed_alerts))

    def limit(self, alert: str) -> float:
        """Return the seconds within which the alert must be notified or inhibited."""
        return self.within.get(alert, self.page_within)


@dataclass(frozen=True)
class Plan:
    """What a seed draws for a scenario: the same seed gives the same plan.

    `weights` has the user classes in addition to the baseline users, `stages` their number; both are empty without
    users. `duration` is the minimum duration in seconds.
    """

    faults: tuple[PlannedFault, ...]
    weights: Mapping[str, int]
    stages: tuple[Stage, ...]
    duration: float
    expected: Expected

    def with_duration(self, seconds: float) -> "Plan":
        """Return the plan with a minimum duration of `seconds`; longer faults are cut.

        Raises:
            ValueError: a fault starts less than a second before that.
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
    # One sentence: what fails, and what users notice.
    summary: ClassVar[str]
    # User classes of `loadtest.users.users` and their weights, in addition to the baseline users.
    users: ClassVar[Mapping[str, int]] = {}
    # Number of those users over time; in a quick run `quick_shape`, unless it is empty.
    shape: ClassVar[tuple[Stage, ...]] = ()
    quick_shape: ClassVar[tuple[Stage, ...]] = ()
    faults: ClassVar[tuple[Fault, ...]] = ()
    effects: ClassVar[tuple[Effect, ...]] = ()
    absences: ClassVar[tuple[Absence, ...]] = ()
    # A game day: the seed draws from `min_faults` to `max_faults` of the pool, `fault_interval_seconds` apart.
    fault_pool: ClassVar[tuple[RandomFault, ...]] = ()
    min_faults: ClassVar[int] = 2
    max_faults: ClassVar[int] = 3
    fault_interval_seconds: ClassVar[float] = 30
    # No signal names the faults until the report.
    hidden: ClassVar[bool] = False
    # Alerts that must be notified and resolve, may be notified, must not be notified (ANY: all that are not declared).
    expected_alerts: ClassVar[tuple[str, ...]] = ()
    allowed_alerts: ClassVar[tuple[str, ...]] = ()
    forbidden_alerts: ClassVar[tuple[str, ...]] = (ANY,)
    # Alerts that must be notified; their windows are too long to wait until they resolve.
    expected_without_resolve: ClassVar[tuple[str, ...]] = ()
    # Alerts that must fire and must not be notified: another alert inhibits them.
    inhibited_alerts: ClassVar[tuple[str, ...]] = ()
    # Seconds from the first fault to the notification (`within`: by alert), and from the last fault's end to resolved.
    page_within: ClassVar[float] = 60
    within: ClassVar[Mapping[str, float]] = {}
    resolve_within: ClassVar[float] = 150
    # Minimum uptime of the lab: an alert that compares with the past needs so much history.
    min_uptime_seconds: ClassVar[float] = 0
    # The preflight waits up to 75 s until these hold.
    preconditions: ClassVar[tuple[Precondition, ...]] = ()
    # Position in a drill: low numbers first. A `last` one starts when all others have finished and resolved.
    order: ClassVar[int] = 50
    last: ClassVar[bool] = False
    # Minimum duration in seconds, and that of a quick run, which also ends a fault once its alerts have been notified.
    duration: ClassVar[float] = 60
    quick_duration: ClassVar[float] = 20
    # Seconds that a run goes on after its last fault: alerts see its end a scrape and an evaluation later.
    cooldown_seconds: ClassVar[float] = 0
    # Servers that the scenario cannot run without.
    needs: ClassVar[tuple[str, ...]] = ("assistant", "model", "prometheus")
    # Shared resources that it disturbs (`memory`, `admin API`, `requests`). A drill runs scenarios at the same time
    # when they share none and their alerts differ; a scenario without any runs alone.
    exclusive_resources: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def plan(cls, seed: int, *, quick: bool = False, users: int | None = None) -> Plan:
        """Return the plan of a seed.

        Args:
            seed: the same seed gives the same plan.
            quick: use the quick shape and duration.
            users: peak number of users in addition to the baseline ones; customers where the scenario has none.
        """
        rng = random.Random(f"{cls.name}/{seed}")  # noqa: S311 - a plan, not a secret
        drawn: list[RandomFault] = []
        if cls.fault_pool:
            drawn = rng.sample(cls.fault_pool, rng.randint(cls.min_faults, min(cls.max_faults, len(cls.fault_pool))))
        faults = [_plan_fault(fault, rng) for fault in cls.faults]
        effects = [*cls.effects]
        for number, draw in enumerate(drawn):
            fault = _plan_fault(draw.fault, rng, cls.fault_interval_seconds * number)
            faults.append(fault)
            effects += [replace(effect, of=fault.label) for effect in draw.effects]
        stages = (cls.quick_shape or cls.shape) if quick else cls.shape
        weights = cls.users
        if users is not None:
            weights = (cls.users or {"Customer": 1}) if users else {}
            stages = _scaled(stages or (Stage(0, 1),), users) if users else ()
        expected = replace(
            Expected(**{one.name: getattr(cls, one.name) for one in fields(Expected)}),
            effects=_unique(effects),
            allowed_alerts=_unique(cls.allowed_alerts, *(draw.allowed_alerts for draw in drawn)),
        )
        return Plan(tuple(faults), weights, stages, cls.quick_duration if quick else cls.duration, expected)


def users_at(stages: tuple[Stage, ...], second: float) -> int:
    """Return the number of users at a second of the scenario; the last stage has no end."""
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
    without = (*scenario.expected_without_resolve, *scenario.inhibited_alerts)
    counts = Counter((*scenario.expected_alerts, *without, *scenario.allowed_alerts))
    if twice := ", ".join(sorted(name for name, count in counts.items() if count > 1)):
        return f"{scenario.__name__}: {twice} is declared twice (expected, without resolve, inhibited, allowed)"
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


def _plan_fault(fault: Fault, rng: random.Random, after: float = 0.0) -> PlannedFault:
    at = after + (rng.uniform(*fault.at) if isinstance(fault.at, tuple) else fault.at)
    return PlannedFault(**vars(fault) | {"at": round(at, 1)})


def _unique(*groups: Iterable[T]) -> tuple[T, ...]:
    """Return the members of the groups in order, without duplicates."""
    return tuple(dict.fromkeys(itertools.chain(*groups)))


def _scaled(stages: tuple[Stage, ...], peak: int) -> tuple[Stage, ...]:
    highest = max(stage.users for stage in stages)
    return tuple(Stage(stage.at, round(stage.users * peak / highest)) for stage in stages)
