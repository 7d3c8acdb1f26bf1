"""The current state of a run, as the screen shows it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FaultInterval:
    """A fault that is on: its label, and its start and latest end in Unix seconds."""

    label: str
    on_at: float
    ends_at: float


@dataclass
class LiveStats:
    """The current state of a run; None where a value is unknown."""

    phase: str = "starting"
    users: int = 0
    requests_per_second: float | None = None
    failed_share: float | None = None
    p95_seconds: float | None = None
    faults: list[FaultInterval] = field(default_factory=list)
