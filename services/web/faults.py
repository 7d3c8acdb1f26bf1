"""The fault registry of a service: starts and ends faults, draws by intensity, and records hits in all signals."""

import difflib
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace
from pydantic import ValidationError

from services.telemetry import Telemetry, names
from services.web.fault_kinds import ALL_TARGETS, HIDDEN_NAME, ActiveFault, Fault, FaultRequest, NoParameters
from services.web.problems import Problem, from_validation

__all__ = ["ALL_TARGETS", "HIDDEN_NAME", "ActiveFault", "Fault", "FaultRegistry", "FaultRequest", "NoParameters"]

# Each has a timer thread.
MAX_ACTIVE = 64
SPAN_ATTRIBUTE = "lab.fault"
# Dimensions with too many values for a label.
_UNBOUNDED = frozenset({"business_id"})
# Names that an error lists at most.
_MAX_LISTED = 20

Values = Callable[[], Collection[str]]


class FaultRegistry:
    """The faults of one service. Thread-safe; at most one of each name and target is active."""

    def __init__(
        self,
        telemetry: Telemetry,
        faults: Sequence[Fault],
        seed: int = 0,
        target_values: Mapping[str, Values] | None = None,
    ) -> None:
        """Register the faults' metrics.

        Args:
            telemetry: of the service.
            faults: that the service declares.
            seed: of the draws by intensity.
            target_values: returns the values of a dimension; `start` refuses others. A dimension may be absent.
        """
        self._telemetry = telemetry
        self._faults = {fault.name: fault for fault in faults}
        self._target_values = dict(target_values or {})
        # Replaced as a whole, so that requests read it without a lock.
        self._active: dict[tuple[str, str], ActiveFault] = {}
        self._lock = threading.RLock()
        self._actions: dict[str, Callable[[ActiveFault], None]] = {}
        self._random = random.Random(seed)  # noqa: S311 - a seeded draw, no secret
        labels = [*self._faults, HIDDEN_NAME] if faults else []
        self._gauge = telemetry.gauge(
            names.FAULT_ACTIVE,
            "1 while the fault is active.",
            names.FAULT_LABELS,
            initial=[{"fault": name, "target": ALL_TARGETS} for name in labels],
        )
        self._hits = telemetry.counter(
            names.FAULT_HITS, "Requests affected by a fault.", ("fault",), initial=[{"fault": name} for name in labels]
        )

    @property
    def any_active(self) -> bool:
        """Whether any fault is active."""
        return bool(self._active)

    def active(self, name: str, **context: str | None) -> ActiveFault | None:
        """Return the fault that is active for such a request, or None, without a draw and without a signal."""
        return next(self._matching(name, context), None)

    def hit(self, name: str, **context: str | None) -> ActiveFault | None:
        """Return the fault if it is active and affects this request: `hit("slow-query", route="/chat")`.

        A hit is counted, logged, and recorded on the current span as `lab.fault`.
        """
        if not self._active:  # the usual case
            return None
        match = next((fault for fault in self._matching(name, context) if fault.draw()), None)
        if match:
            self._record_hit(match)
        return match

    def _matching(self, name: str, context: Mapping[str, str | None]) -> Iterator[ActiveFault]:
        """Yield the faults that are active for such a request, the one for all targets last."""
        active = self._active
        if active:
            targets = [f"{dimension}={value}" for dimension, value in context.items() if value is not None]
            for target in (*targets, ALL_TARGETS):
                fault = active.get((name, target))
                if fault and fault.is_active:
                    yield fault

    def _record_hit(self, fault: ActiveFault) -> None:
        self._telemetry.inc(self._hits, fault=fault.public_name)
        span: Any = trace.get_current_span()
        before = (getattr(span, "attributes", None) or {}).get(SPAN_ATTRIBUTE, "")
        if fault.public_name not in before.split(","):
            span.set_attribute(SPAN_ATTRIBUTE, ",".join(filter(None, (before, fault.public_name))))
        message = f"request affected by fault {fault.public_name}"
        self._log("application", "fault.hit", message, fault, level="warning", logger="faults")

    def on_start(self, name: str, action: Callable[[ActiveFault], None]) -> None:
        """Run an action in its own thread each time this fault starts; it must return when `ended` is set.

        For faults whose effect needs no request.
        """
        self._actions[name] = action

    def start(self, request: FaultRequest) -> ActiveFault:
        """Start a fault; it replaces an active one of the same name and target.

        Raises:
            Problem: 422 for an unknown fault, target or parameter; 409 when too many are active.
        """
        declared = self._get_declared(request.fault, 422)
        self._check_target(declared, request.target)
        try:
            parameters = declared.parameters.model_validate(request.parameters).model_dump(mode="json")
        except ValidationError as error:
            raise from_validation(error, "parameters") from None
        started, seconds = time.time(), request.duration_seconds
        fault = ActiveFault(
            fault=request.fault,
            target=request.target,
            intensity=request.intensity,
            parameters=parameters,
            started_at=datetime.fromtimestamp(started, UTC),
            ends_at=datetime.fromtimestamp(started + seconds, UTC),
            hidden=request.hidden,
            _random=self._random,
            _deadline=time.monotonic() + seconds,
        )
        fault._timer = threading.Timer(seconds, self._end, (fault, "ended"))
        fault._timer.daemon = True
        self._activate(fault, seconds)
        if action := self._actions.get(fault.fault):
            threading.Thread(target=action, args=(fault,), name=f"fault-{fault.public_name}", daemon=True).start()
        return fault

    def _activate(self, fault: ActiveFault, seconds: float) -> None:
        key = (fault.fault, fault.target)
        # Audit lines are written under the lock, too: their order is the order of events.
        with self._lock:
            previous = self._active.get(key)
            if previous is None and len(self._active) >= MAX_ACTIVE:
                raise Problem(409, "Too many faults", f"{MAX_ACTIVE} faults are active. Stop some first.")
            if previous:
                self._end(previous, "replaced")
            self._active = {**self._active, key: fault}
            self._update_gauge(fault)
            self._audit("fault.on", fault, duration_seconds=seconds)
            if fault._timer:
                fault._timer.start()

    def _get_declared(self, name: str, status: int) -> Fault:
        declared = self._faults.get(name)
        if declared is None:
            raise Problem(status, "Unknown fault", f"Unknown fault.{_suggest(name, self._faults)}")
        return declared

    def _check_target(self, fault: Fault, target: str) -> None:
        if target == ALL_TARGETS:
            return
        dimension, equals, value = target.partition("=")
        if dimension not in fault.dimensions or not equals or not value:
            forms = ", ".join([ALL_TARGETS, *(f"{one}=..." for one in fault.dimensions)])
            raise Problem(422, "Unknown target", f"This fault does not have this target. Its targets: {forms}.")
        values = self._target_values[dimension]() if dimension in self._target_values else None
        if values is not None and value not in values:
            raise Problem(422, "Unknown target", f"Unknown {dimension}.{_suggest(value, values)}")

    def stop(self, name: str | None = None) -> int:
        """Stop the fault of this name (all targets) or this id, or all; return how many were active.

        Raises:
            Problem: 404 for neither a fault of this service nor the id of an active one.
        """
        matches = [fault for fault in self._active.values() if name in (None, fault.fault, fault.id)]
        if name is not None and not matches:
            self._get_declared(name, 404)
        return sum(self._end(fault, "deleted") for fault in matches)

    def _end(self, fault: ActiveFault, reason: str) -> bool:
        key = (fault.fault, fault.target)
        with self._lock:
            if self._active.get(key) is not fault:  # replaced or ended in the meantime
                return False
            self._active = {one: other for one, other in self._active.items() if one != key}
            fault.ended.set()
            if fault._timer:
                fault._timer.cancel()
            self._update_gauge(fault)
            self._audit("fault.off", fault, reason=reason)
        return True

    def _update_gauge(self, fault: ActiveFault) -> None:
        """Set the series that this fault shares with all active ones of the same labels."""
        labels = self._get_labels(fault)
        self._gauge.labels(*labels).set(any(self._get_labels(other) == labels for other in self._active.values()))

    def _get_labels(self, fault: ActiveFault) -> tuple[str, str]:
        """Return name and target; only the dimension of a target whose values are many or unknown."""
        dimension, equals, _ = fault.public_target.partition("=")
        is_bounded = not equals or (dimension in self._target_values and dimension not in _UNBOUNDED)
        return fault.public_name, fault.public_target if is_bounded else dimension

    def _audit(self, event: str, fault: ActiveFault, **fields: Any) -> None:
        message = f"{event} {fault.public_name} {fault.public_target}"
        intensity = None if fault.hidden else fault.intensity
        self._log("audit", event, message, fault, logger="admin", intensity=intensity, **fields)

    def _log(self, kind: str, event: str, message: str, fault: ActiveFault, **fields: Any) -> None:
        self._telemetry.log(kind, event, message, fault=fault.public_name, target=fault.public_target, **fields)

    def document(self) -> dict[str, object]:
        """Return the response of GET /admin/faults."""
        active = [fault.document() for fault in self._active.values()]
        return {"available": [fault.describe() for fault in self._faults.values()], "active": active}


def _suggest(name: str, candidates: Iterable[str]) -> str:
    """Return the nearest candidate, and all of them if they are few, as sentences."""
    choices = sorted(candidates)
    near = difflib.get_close_matches(name, choices, n=1)
    text = f" Did you mean {near[0]}?" if near else ""
    return text + (f" Choose one of: {', '.join(choices)}." if 0 < len(choices) <= _MAX_LISTED else "")
