"""Groups the scenarios of a drill that may run at the same time: their alerts differ."""

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.scenarios.declaration import ENGINE, Plan, Scenario

# More would compete for the CPU and affect each other's latencies.
_MAX_GROUP = 4


@dataclass(frozen=True)
class Member:
    """A scenario with its plan."""

    scenario: type[Scenario]
    plan: Plan

    @property
    def alerts(self) -> frozenset[str]:
        """Return the alerts that it may fire."""
        return self.plan.expected.declared

    @property
    def runs_alone(self) -> bool:
        """Return whether it declares no exclusive resources, stops a server, or is the last one."""
        stops = any(fault.service == ENGINE for fault in self.plan.faults)
        return not self.scenario.exclusive_resources or stops or self.scenario.last

    def fits(self, other: "Member") -> bool:
        """Return whether both may run at the same time."""
        shared = set(self.scenario.exclusive_resources) & set(other.scenario.exclusive_resources)
        if self.runs_alone or other.runs_alone or shared:
            return False
        return not (self._disturbs(other) or other._disturbs(self))

    def _disturbs(self, other: "Member") -> bool:
        """Return whether it may fire an alert that the other one expects or forbids."""
        expected = other.plan.expected
        return bool(self.alerts & {*expected.proven, *expected.forbidden_alerts})


Group = list[Member]


def group_members(members: Iterable[Member], alone: frozenset[str] = frozenset()) -> list[Group]:
    """Return groups in order, each member in the first group that it fits; those named in `alone` run alone."""
    groups: list[Group] = []
    for member in members:
        if member.scenario.name not in alone:
            open_groups = (one for one in groups if len(one) < _MAX_GROUP and one[0].scenario.name not in alone)
            group = next((one for one in open_groups if all(map(member.fits, one))), None)
            if group is not None:
                group.append(member)
                continue
        groups.append([member])
    return groups


def concurrent_alerts(group: Group, member: Member) -> frozenset[str]:
    """Return the alerts that the other scenarios of its group may fire."""
    return frozenset().union(*(other.alerts for other in group if other is not member))


def conflicts_with_earlier(group: Group, earlier: list[Group]) -> bool:
    """Return whether a group may fire an alert that an earlier scenario expects without waiting until it resolves."""
    lasting = {name for other in earlier for member in other for name in member.plan.expected.expected_without_resolve}
    return any(member.alerts & lasting for member in group)
