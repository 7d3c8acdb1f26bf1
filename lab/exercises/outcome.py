"""What a check can find."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: what was expected and what was seen, in words that do not give the answer away."""

    what: str
    expected: str
    seen: str
    ok: bool


@dataclass(frozen=True)
class Passed:
    """Everything is as it should be."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class NotYet:
    """Something is not as it should be."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Waiting:
    """The data is not complete yet; it will be in `seconds`."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class CannotCheck:
    """A server that the check must ask is missing."""

    server: str
    reason: str


Outcome = Passed | NotYet | Waiting | CannotCheck


def of(findings: list[Finding]) -> Outcome:
    """Return Passed when every finding is as it should be, else NotYet."""
    return Passed(tuple(findings)) if all(one.ok for one in findings) else NotYet(tuple(findings))
