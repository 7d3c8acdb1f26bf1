"""Which scenarios of a drill may run side by side: those that cannot be taken for each other."""

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.scenarios.declaration import ENGINE, Plan, Scenario

# More would only compete for the machine, and find each other's load.
_MOST = 4


@dataclass(frozen=True)
class Member:
    """A scenario with its plan."""

    scenario: type[Scenario]
    plan: Plan

    @property
    def alerts(self) -> frozenset[str]:
        """The alerts that it may set off."""
        return self.plan.expected.declared

    @property
    def sociable(self) -> bool:
        """Return whether it declares exclusive resources, and stops no server."""
        stops = any(fault.service == ENGINE for fault in self.plan.faults)
        return bool(self.scenario.exclusive_resources) and not (stops or self.scenario.last)

    def fits(self, other: "Member") -> bool:
        """Return whether the alerts of both can be distinguished."""
        if not (self.sociable and other.sociable) or set(self.scenario.exclusive_resources) & set(
            other.scenario.exclusive_resources
        ):
            return False
        mine, theirs = self.plan.expected, other.plan.expected
        forbidden = {*mine.forbidden_alerts} & other.alerts or {*theirs.forbidden_alerts} & self.alerts
        return not (self.alerts & {*theirs.proven} or other.alerts & {*mine.proven} or forbidden)


def grouped(members: Iterable[Member], young: frozenset[str] = frozenset()) -> list[list[Member]]:
    """Put each member into the first group in which it fits everybody; the order stays as near as can be.

    Those in `young` wait for the lab's warm-up, alone.
    """
    groups: list[list[Member]] = []
    for member in members:
        alone = member.scenario.name in young
        homes = (g for g in groups if len(g) < _MOST and g[0].scenario.name not in young)
        home = None if alone else next((g for g in homes if all(member.fits(other) for other in g)), None)
        if home is None:
            groups.append([member])
        else:
            home.append(member)
    return groups


def concurrent_alerts(group: list[Member], member: Member) -> list[frozenset[str]]:
    """Return the alerts of those that run side by side with it."""
    return [other.alerts for other in group if other is not member]


def conflicts_with_earlier(group: list[Member], earlier: list[list[Member]]) -> bool:
    """Return whether it may fire an alert that an earlier one expects and that stays active for long."""
    lasting = {name for other in earlier for member in other for name in member.plan.expected.expected_without_resolve}
    return any(member.alerts & lasting for member in group)
