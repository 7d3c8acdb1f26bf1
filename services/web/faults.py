"""The faults of a service: switched on and off, drawn by strength, ended by their own time, shown in every signal."""

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
from services.web.fault_kinds import EVERY, SEALED, ActiveFault, Fault, FaultOrder, NoParameters
from services.web.problems import Problem, from_validation

__all__ = ["EVERY", "SEALED", "ActiveFault", "Fault", "FaultOrder", "FaultRegistry", "NoParameters"]

# Each has a thread that waits for its end.
MAX_ACTIVE = 64
SPAN_ATTRIBUTE = "lab.fault"
# Dimensions with too many values for a label, and how many names an error may list.
_MANY = frozenset({"business_id"})
_FEW = 20

Known = Callable[[], Collection[str]]


class FaultRegistry:
    """The faults of one service. Thread-safe; at most one of each name and target is on.

    `known` gives, for a dimension, the values that there are; others are refused as targets.
    """

    def __init__(
        self, telemetry: Telemetry, faults: Sequence[Fault], seed: int = 0, known: Mapping[str, Known] | None = None
    ) -> None:
        self._telemetry = telemetry
        self._faults = {fault.name: fault for fault in faults}
        self._known = dict(known or {})
        # Replaced as a whole, so that requests look at it without a lock.
        self._active: dict[tuple[str, str], ActiveFault] = {}
        self._switching = threading.RLock()
        self._actions: dict[str, Callable[[ActiveFault], None]] = {}
        self._random = random.Random(seed)  # noqa: S311 - a seeded draw, no secret
        shown = [fault.name for fault in faults] + ([SEALED] if faults else [])
        self._gauge = telemetry.gauge(
            names.FAULT_ACTIVE,
            "1 while the fault is on.",
            names.FAULT_LABELS,
            initial=[{"fault": name, "target": EVERY} for name in shown],
        )
        self._hits = telemetry.counter(
            names.FAULT_HITS, "How often a fault took effect.", ("fault",), initial=[{"fault": name} for name in shown]
        )

    @property
    def any_on(self) -> bool:
        """Whether any fault is on."""
        return bool(self._active)

    def active(self, name: str, **context: str | None) -> ActiveFault | None:
        """The fault that is on for such a request; None if none is. It does not draw, and shows in no signal."""
        return next(self._matching(name, context), None)

    def hit(self, name: str, **context: str | None) -> ActiveFault | None:
        """The fault, if it is on and hits this request: `hit("slow-query", route="/chat", business_id="b01")`.

        A hit is counted, logged, and put on the current span as `lab.fault`.
        """
        if not self._active:  # the usual case
            return None
        found = next((fault for fault in self._matching(name, context) if fault.hits()), None)
        if found:
            self._show_hit(found)
        return found

    def _matching(self, name: str, context: Mapping[str, str | None]) -> Iterator[ActiveFault]:
        """Yield those that are on for such a request, the one for everything last."""
        active = self._active
        if active:
            targets = [f"{dimension}={value}" for dimension, value in context.items() if value is not None]
            for target in (*targets, EVERY):
                fault = active.get((name, target))
                if fault and fault.on:
                    yield fault

    def _show_hit(self, fault: ActiveFault) -> None:
        self._telemetry.inc(self._hits, fault=fault.shown)
        span: Any = trace.get_current_span()
        before = (getattr(span, "attributes", None) or {}).get(SPAN_ATTRIBUTE, "")
        if fault.shown not in before.split(","):
            span.set_attribute(SPAN_ATTRIBUTE, ",".join(filter(None, (before, fault.shown))))
        self._telemetry.log(
            "application",
            "fault.hit",
            f"hit by the fault {fault.shown}",
            level="warning",
            logger="faults",
            fault=fault.shown,
            target=fault.shown_target,
        )

    def when_on(self, name: str, action: Callable[[ActiveFault], None]) -> None:
        """Run an action, in a thread of its own, each time this fault comes on; it must end when `over` is set.

        For faults that need no request to have their effect.
        """
        self._actions[name] = action

    def start(self, order: FaultOrder) -> ActiveFault:
        """Switch a fault on; one of the same name and target is replaced.

        Raises:
            Problem: 422 for an unknown fault, target or parameter; 409 when too many are on.
        """
        declared = self._declared(order.fault, 422)
        self._check_target(declared, order.target)
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
            sealed=order.sealed,
            _random=self._random,
            _deadline=time.monotonic() + seconds,
        )
        made._timer = threading.Timer(seconds, self._end, (made, "ended"))
        made._timer.daemon = True
        self._begin(made, seconds)
        if action := self._actions.get(made.fault):
            threading.Thread(target=action, args=(made,), name=f"fault-{made.shown}", daemon=True).start()
        return made

    def _begin(self, made: ActiveFault, seconds: float) -> None:
        key = (made.fault, made.target)
        # The audit lines are written under the lock, too: they stand in the order of what happened.
        with self._switching:
            previous = self._active.get(key)
            if previous is None and len(self._active) >= MAX_ACTIVE:
                raise Problem(409, "Too many faults", f"{MAX_ACTIVE} faults are on. Switch some off first.")
            if previous:
                self._end(previous, "replaced")
            self._active = {**self._active, key: made}
            self._show(made)
            self._audit("fault.on", made, duration_seconds=seconds)
            if made._timer:
                made._timer.start()

    def _declared(self, name: str, status: int) -> Fault:
        declared = self._faults.get(name)
        if declared is None:
            raise Problem(status, "Unknown fault", f"There is no such fault.{_offer(name, self._faults)}")
        return declared

    def _check_target(self, fault: Fault, target: str) -> None:
        if target == EVERY:
            return
        dimension, equals, value = target.partition("=")
        if dimension not in fault.dimensions or not equals or not value:
            takes = ", ".join([EVERY, *(f"{one}=..." for one in fault.dimensions)])
            raise Problem(422, "Unknown target", f"This fault has no such target. It takes: {takes}.")
        known = self._known[dimension]() if dimension in self._known else None
        if known is not None and value not in known:
            raise Problem(422, "Unknown target", f"There is no such {dimension}.{_offer(value, known)}")

    def stop(self, name: str | None = None) -> int:
        """Switch off the fault of this name (for all targets) or this id, or all; the number that were on.

        Raises:
            Problem: 404 for what is neither a fault of this service nor the id of one that is on.
        """
        chosen = [fault for fault in self._active.values() if name in (None, fault.fault, fault.id)]
        if name is not None and not chosen:
            self._declared(name, 404)
        return sum(self._end(fault, "deleted") for fault in chosen)

    def _end(self, fault: ActiveFault, reason: str) -> bool:
        key = (fault.fault, fault.target)
        with self._switching:
            if self._active.get(key) is not fault:  # replaced or ended in the meantime
                return False
            self._active = {one: other for one, other in self._active.items() if one != key}
            fault.over.set()
            if fault._timer:
                fault._timer.cancel()
            self._show(fault)
            self._audit("fault.off", fault, reason=reason)
        return True

    def _show(self, fault: ActiveFault) -> None:
        """Set the gauge that this fault shares with those that are called alike."""
        called = self._called(fault)
        on = any(self._called(other) == called for other in self._active.values())
        self._gauge.labels(*called).set(on)

    def _called(self, fault: ActiveFault) -> tuple[str, str]:
        """The labels of the gauge: of a target whose values are many, or unknown, only the dimension."""
        dimension, equals, _ = fault.shown_target.partition("=")
        few = not equals or (dimension in self._known and dimension not in _MANY)
        return fault.shown, fault.shown_target if few else dimension

    def _audit(self, event: str, fault: ActiveFault, **fields: Any) -> None:
        self._telemetry.log(
            "audit",
            event,
            f"{event} {fault.shown} {fault.shown_target}",
            logger="admin",
            fault=fault.shown,
            target=fault.shown_target,
            strength=None if fault.sealed else fault.strength,
            **fields,
        )

    def document(self) -> dict[str, object]:
        """What GET /admin/faults answers."""
        active = [fault.document() for fault in self._active.values()]
        return {"available": [fault.describe() for fault in self._faults.values()], "active": active}


def _offer(given: str, known: Iterable[str]) -> str:
    """The nearest name, and all of them where they are few."""
    there = sorted(known)
    near = difflib.get_close_matches(given, there, n=1)
    text = f" Did you mean {near[0]}?" if near else ""
    return text + (f" There are: {', '.join(there)}." if 0 < len(there) <= _FEW else "")
