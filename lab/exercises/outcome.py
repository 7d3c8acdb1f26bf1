"""Outcomes of the check of an exercise."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: what was expected and what was observed, without giving the answer away."""

    what: str
    expected: str
    seen: str
    ok: bool


@dataclass(frozen=True)
class Checked:
    """Everything was checked."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every finding is as expected."""
        return all(one.ok for one in self.findings)


@dataclass(frozen=True)
class Waiting:
    """The data is not complete yet; it will be in `seconds`."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class CannotCheck:
    """A server that the check needs is missing."""

    server: str
    reason: str


Outcome = Checked | Waiting | CannotCheck
