"""Faults that can be switched on: declared by a service, drawn by strength, ended by their own time."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from services.telemetry import Telemetry, names
from services.web.bodies import StrictModel
from services.web.problems import Problem, from_validation

EVERY = "*"


class NoParameters(StrictModel):
    """The parameters of a fault that has none."""


@dataclass(frozen=True)
class Fault:
    """A fault that a service can do. `parameters` is the model of its parameters, each with a default."""

    name: str
    description: str
    parameters: type[BaseModel] = NoParameters
    targets: tuple[str, ...] = (EVERY,)

    def describe(self) -> dict[str, object]:
        """What GET /admin/faults tells of it."""
        schema = self.parameters.model_json_schema().get("properties", {})
        return {
            "name": self.name,
            "description": self.description,
            "targets": list(self.targets),
            "parameters": schema,
        }


class FaultOrder(StrictModel):
    """The body of POST /admin/faults."""

    fault: str = Field(max_length=64)
    # Probability that a request is hit.
    strength: float = Field(default=1.0, gt=0, le=1)
    duration_seconds: float = Field(ge=1, le=3600)
    target: str = Field(default=EVERY, max_length=64)
    parameters: dict[str, Any] = Field(default_factory=dict)


@dataclass
class ActiveFault:
    """A fault that is on. `parameters` are validated and complete."""

    fault: str
    target: str
    strength: float
    parameters: dict[str, Any]
    started_at: datetime
    ends_at: datetime
    _random: random.Random = field(repr=False, default_factory=random.Random)
    _timer: threading.Timer | None = field(repr=False, default=None)
    _deadline: float = field(repr=False, default=0.0)

    def hits(self) -> bool:
        """Draw whether this request is hit."""
        return self.strength >= 1 or self._random.random() < self.strength

    def document(self) -> dict[str, object]:
        """What the admin API tells of it."""
        return {
            "fault": self.fault,
            "target": self.target,
            "strength": self.strength,
            "started_at": self.started_at.isoformat().replace("+00:00", "Z"),
            "ends_at": self.ends_at.isoformat().replace("+00:00", "Z"),
            "parameters": self.parameters,
        }


class FaultRegistry:
    """The faults of one service. Thread-safe; at most one of each name and target is on."""

    def __init__(self, telemetry: Telemetry, faults: Sequence[Fault], seed: int = 0) -> None:
        self._telemetry = telemetry
        self._faults = {fault.name: fault for fault in faults}
        self._active: dict[tuple[str, str], ActiveFault] = {}
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - a seeded draw, no secret
        self._gauge = telemetry.gauge(
            names.FAULT_ACTIVE,
            "1 while the fault is on.",
            names.FAULT_LABELS,
            initial=[{"fault": fault.name, "target": target} for fault in faults for target in fault.targets],
        )

    def active(self, name: str, target: str = EVERY) -> ActiveFault | None:
        """The fault that is on for this target or for every target; None if none is. Then draw with `.hits()`."""
        if not self._active:  # the usual case costs no lock
            return None
        with self._lock:
            found = self._active.get((name, target)) or self._active.get((name, EVERY))
        return found if found and time.monotonic() < found._deadline else None

    def hit(self, name: str, target: str = EVERY) -> ActiveFault | None:
        """The fault, if it is on and hits this request."""
        found = self.active(name, target)
        return found if found and found.hits() else None

    def start(self, order: FaultOrder) -> ActiveFault:
        """Switch a fault on; one of the same name and target is replaced.

        Raises:
            Problem: 422 for an unknown fault, target or parameter.
        """
        declared = self._declared(order)
        try:
            parameters = declared.parameters.model_validate(order.parameters).model_dump(mode="json")
        except ValidationError as error:
            raise from_validation(error, "parameters") from None
        started, seconds = time.time(), order.duration_seconds
        made = ActiveFault(
            fault=order.fault,
            target=order.target,
            strength=order.strength,
            parameters=parameters,
            started_at=datetime.fromtimestamp(started, UTC),
            ends_at=datetime.fromtimestamp(started + seconds, UTC),
            _random=self._random,
            _deadline=time.monotonic() + seconds,
        )
        made._timer = threading.Timer(seconds, self._end, (made, "ended"))
        made._timer.daemon = True
        key = (made.fault, made.target)
        with self._lock:
            previous = self._active.get(key)
            self._active[key] = made
            self._gauge.labels(fault=made.fault, target=made.target).set(1)
        if previous and previous._timer:
            previous._timer.cancel()
        self._audit("fault.on", made, duration_seconds=seconds)
        made._timer.start()
        return made

    def _declared(self, order: FaultOrder) -> Fault:
        declared = self._faults.get(order.fault)
        if declared is None:
            known = ", ".join(sorted(self._faults))
            raise Problem(422, "Unknown fault", f"There is no such fault. There are: {known}.")
        if order.target not in declared.targets:
            known = ", ".join(declared.targets)
            raise Problem(422, "Unknown target", f"This fault has no such target. It has: {known}.")
        return declared

    def stop(self, name: str | None = None) -> int:
        """Switch off the fault of this name (for all targets), or all; the number that were on.

        Raises:
            Problem: 404 for a name that is no fault of this service.
        """
        if name is not None and name not in self._faults:
            raise Problem(
                404, "Unknown fault", f"There is no such fault. There are: {', '.join(sorted(self._faults))}."
            )
        with self._lock:
            chosen = [fault for fault in self._active.values() if name in (None, fault.fault)]
        return sum(self._end(fault, "deleted") for fault in chosen)

    def _end(self, fault: ActiveFault, reason: str) -> bool:
        key = (fault.fault, fault.target)
        with self._lock:
            if self._active.get(key) is not fault:  # replaced or ended in the meantime
                return False
            del self._active[key]
            self._gauge.labels(fault=fault.fault, target=fault.target).set(0)
        if fault._timer:
            fault._timer.cancel()
        self._audit("fault.off", fault, reason=reason)
        return True

    def _audit(self, event: str, fault: ActiveFault, **fields: Any) -> None:
        self._telemetry.log(
            "audit",
            event,
            f"{event} {fault.fault} {fault.target}",
            logger="admin",
            fault=fault.fault,
            target=fault.target,
            strength=fault.strength,
            **fields,
        )

    def document(self) -> dict[str, object]:
        """What GET /admin/faults answers."""
        with self._lock:
            active = [fault.document() for fault in self._active.values()]
        return {"available": [fault.describe() for fault in self._faults.values()], "active": active}
