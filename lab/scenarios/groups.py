"""Which scenarios of a drill may run side by side: those that cannot be taken for each other."""

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.scenario import ENGINE, Plan, Scenario

# More would only compete for the machine, and find each other's load.
_MOST = 3


@dataclass(frozen=True)
class Member:
    """A scenario with its plan."""

    scenario: type[Scenario]
    plan: Plan

    @property
    def alerts(self) -> frozenset[str]:
        """The alerts that it may set off."""
        return frozenset((*self.plan.expected.must, *self.plan.expected.may))

    @property
    def sociable(self) -> bool:
        """Tell whether it says what it disturbs, disturbs no whole server and brings no users of its own."""
        stops = any(fault.service == ENGINE for fault in self.plan.faults)
        return bool(self.scenario.touches) and not stops and not self.plan.weights

    def fits(self, other: "Member") -> bool:
        """Tell whether nothing of the one can be taken for something of the other."""
        if not (self.sociable and other.sociable) or set(self.scenario.touches) & set(other.scenario.touches):
            return False
        mine, theirs = self.plan.expected, other.plan.expected
        forbidden = {*mine.must_not} & other.alerts or {*theirs.must_not} & self.alerts
        return not (self.alerts & {*theirs.must} or other.alerts & {*mine.must} or forbidden)


def grouped(members: Iterable[Member]) -> list[list[Member]]:
    """Put each member into the first group in which it fits everybody; the order stays as near as can be."""
    groups: list[list[Member]] = []
    for member in members:
        home = next((g for g in groups if len(g) < _MOST and all(member.fits(other) for other in g)), None)
        if home is None:
            groups.append([member])
        else:
            home.append(member)
    return groups
