"""A fault that a service declares, the request that starts it, and an active one."""

import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from services.web.bodies import StrictModel
from services.web.times import format_rfc3339

ALL_TARGETS = "*"
# The name of a hidden fault in every signal: a blind run must not reveal which fault is active.
HIDDEN_NAME = "hidden"


class NoParameters(StrictModel):
    """The parameters of a fault that has none."""


@dataclass(frozen=True)
class Fault:
    """A fault that a service declares. `parameters` is the model of its parameters, each with a default.

    With the dimensions `("route",)` its target may be `route=/chat`.
    """

    name: str
    description: str
    parameters: type[BaseModel] = NoParameters
    dimensions: tuple[str, ...] = ()

    def describe(self) -> dict[str, object]:
        """Return its entry in GET /admin/faults."""
        schema = self.parameters.model_json_schema().get("properties", {})
        return {
            "name": self.name,
            "description": self.description,
            "dimensions": list(self.dimensions),
            "parameters": schema,
        }


class FaultRequest(StrictModel):
    """The body of POST /admin/faults."""

    fault: str = Field(max_length=64)
    # Probability that a request is affected; a fault may scale its effect with it instead.
    intensity: float = Field(default=1.0, gt=0, le=1)
    duration_seconds: float = Field(ge=1, le=3600)
    # `*`, or a dimension of the fault and its value: `route=/chat`.
    target: str = Field(default=ALL_TARGETS, max_length=128)
    parameters: dict[str, Any] = Field(default_factory=dict)
    # Blind run: no signal shows its name.
    hidden: bool = False


@dataclass(eq=False)
class ActiveFault:
    """An active fault. `parameters` are validated and complete; `ended` is set when it ends, for any reason."""

    fault: str
    target: str
    intensity: float
    parameters: dict[str, Any]
    started_at: datetime
    ends_at: datetime
    hidden: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    ended: threading.Event = field(repr=False, default_factory=threading.Event)
    _random: random.Random = field(repr=False, default_factory=random.Random)
    _timer: threading.Timer | None = field(repr=False, default=None)
    _deadline: float = field(repr=False, default=0.0)

    @property
    def public_name(self) -> str:
        """The name in signals."""
        return HIDDEN_NAME if self.hidden else self.fault

    @property
    def public_target(self) -> str:
        """The target in signals."""
        return ALL_TARGETS if self.hidden else self.target

    @property
    def is_active(self) -> bool:
        """Whether its time has not passed; its timer may be late."""
        return time.monotonic() < self._deadline and not self.ended.is_set()

    def draw(self) -> bool:
        """Draw whether it affects this request, with its intensity as probability."""
        return self.intensity >= 1 or self._random.random() < self.intensity

    def document(self) -> dict[str, object]:
        """Return its representation in the admin API, without intensity and parameters when hidden."""
        document = {
            "id": self.id,
            "fault": self.public_name,
            "target": self.public_target,
            "hidden": self.hidden,
            "started_at": format_rfc3339(self.started_at),
            "ends_at": format_rfc3339(self.ends_at),
        }
        return document if self.hidden else {**document, "intensity": self.intensity, "parameters": self.parameters}
