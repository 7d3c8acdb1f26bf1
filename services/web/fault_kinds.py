"""What a fault is, how it is ordered, and one that is on."""

import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from services.web.bodies import StrictModel

EVERY = "*"
# What a sealed fault is called, in every signal, until its run tells.
SEALED = "sealed"


class NoParameters(StrictModel):
    """The parameters of a fault that has none."""


@dataclass(frozen=True)
class Fault:
    """A fault that a service can do. `parameters` is the model of its parameters, each with a default.

    `dimensions` are those by which it can be aimed: with `("route",)` its target may be `route=/chat`.
    """

    name: str
    description: str
    parameters: type[BaseModel] = NoParameters
    dimensions: tuple[str, ...] = ()

    def describe(self) -> dict[str, object]:
        """What GET /admin/faults tells of it."""
        schema = self.parameters.model_json_schema().get("properties", {})
        return {
            "name": self.name,
            "description": self.description,
            "dimensions": list(self.dimensions),
            "parameters": schema,
        }


class FaultOrder(StrictModel):
    """The body of POST /admin/faults."""

    fault: str = Field(max_length=64)
    # Probability that a request is hit.
    strength: float = Field(default=1.0, gt=0, le=1)
    duration_seconds: float = Field(ge=1, le=3600)
    # `*`, or a dimension of the fault and its value: `route=/chat`.
    target: str = Field(default=EVERY, max_length=128)
    parameters: dict[str, Any] = Field(default_factory=dict)
    # Its name is told nowhere.
    sealed: bool = False


@dataclass(eq=False)
class ActiveFault:
    """A fault that is on. `parameters` are validated and complete; `over` is set when it ends, however it ends."""

    fault: str
    target: str
    strength: float
    parameters: dict[str, Any]
    started_at: datetime
    ends_at: datetime
    sealed: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    over: threading.Event = field(repr=False, default_factory=threading.Event)
    _random: random.Random = field(repr=False, default_factory=random.Random)
    _timer: threading.Timer | None = field(repr=False, default=None)
    _deadline: float = field(repr=False, default=0.0)

    @property
    def shown(self) -> str:
        """The name by which signals may call it."""
        return SEALED if self.sealed else self.fault

    @property
    def shown_target(self) -> str:
        """The target that signals may tell."""
        return EVERY if self.sealed else self.target

    @property
    def on(self) -> bool:
        """Whether its time has not come yet: its timer may be late."""
        return time.monotonic() < self._deadline and not self.over.is_set()

    def hits(self) -> bool:
        """Draw whether this request is hit."""
        return self.strength >= 1 or self._random.random() < self.strength

    def document(self) -> dict[str, object]:
        """What the admin API tells of it."""
        known = {"id": self.id, "fault": self.shown, "target": self.shown_target, "sealed": self.sealed}
        times = {"started_at": _instant(self.started_at), "ends_at": _instant(self.ends_at)}
        if self.sealed:
            return {**known, **times}
        return {**known, "strength": self.strength, **times, "parameters": self.parameters}


def _instant(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")
