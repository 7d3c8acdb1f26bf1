"""Which scenarios of a drill may run side by side: those that cannot be taken for each other."""

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.scenario import ENGINE, Plan, Scenario

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
        """Tell whether it says what it disturbs, and disturbs no whole server."""
        stops = any(fault.service == ENGINE for fault in self.plan.faults)
        return bool(self.scenario.touches) and not (stops or self.scenario.last)

    def fits(self, other: "Member") -> bool:
        """Tell whether nothing of the one can be taken for something of the other."""
        if not (self.sociable and other.sociable) or set(self.scenario.touches) & set(other.scenario.touches):
            return False
        mine, theirs = self.plan.expected, other.plan.expected
        forbidden = {*mine.must_not} & other.alerts or {*theirs.must_not} & self.alerts
        return not (self.alerts & {*theirs.proven} or other.alerts & {*mine.proven} or forbidden)


def grouped(members: Iterable[Member], young: frozenset[str] = frozenset()) -> list[list[Member]]:
    """Put each member into the first group in which it fits everybody; the order stays as near as can be.

    For those in `young` the lab is too young as yet: nobody waits together with them.
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


def beside(group: list[Member], member: Member) -> list[frozenset[str]]:
    """Return the alerts of those that run side by side with it."""
    return [other.alerts for other in group if other is not member]


def would_spoil(group: list[Member], earlier: list[list[Member]]) -> bool:
    """Tell whether it may set off what an earlier one is to prove and what then stands for very long."""
    lasting = {name for other in earlier for member in other for name in member.plan.expected.lasting}
    return any(member.alerts & lasting for member in group)
