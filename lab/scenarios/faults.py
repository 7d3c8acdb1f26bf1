"""Switches the faults of a run on and off at their seconds."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from lab.query import Lab, QueryError
from lab.scenarios.timeline import Event
from loadtest.scenario import PlannedFault

_OFF_PATIENCE = 5.0


@dataclass
class _Switch:
    fault: PlannedFault
    tried: bool = False
    on_at: float | None = None
    off_at: float | None = None

    @property
    def waiting(self) -> bool:
        return self.on_at is None

    @property
    def on(self) -> bool:
        return self.on_at is not None and self.off_at is None


class Faults:
    """The faults of one run. Each is sent with its end, so that it ends by itself whatever becomes of the run."""

    def __init__(self, lab: Lab, planned: tuple[PlannedFault, ...], started_at: float) -> None:
        self._lab = lab
        self._started_at = started_at
        self._switches = [_Switch(fault) for fault in planned]

    @property
    def over(self) -> bool:
        """Tell whether every fault was on and is off again."""
        return all(switch.off_at is not None for switch in self._switches)

    @property
    def phase(self) -> str:
        """Name the faults that are on, or say what is waited for."""
        on = [f"{s.fault.service} {s.fault.name}" for s in self._switches if s.on]
        if on:
            return "fault on: " + ", ".join(on)
        return "" if self.over else "waiting for the fault"

    def step(self, now: float, *, enough: bool) -> Iterator[Event]:
        """Switch what is due; `enough` ends faults early, once everything that they are for was seen.

        Raises:
            BadAnswer: a service refuses the fault. ServerMissing: it does not answer.
        """
        for switch in self._switches:
            if switch.waiting and now >= self._started_at + switch.fault.at:
                yield self._on(switch)
            elif switch.on and switch.on_at is not None and (enough or now >= switch.on_at + switch.fault.duration):
                yield self._off(switch, "everything was seen" if enough else "its time is over")

    def end(self) -> Iterator[Event]:
        """Switch off whatever may be on, and say so of what could not be reached."""
        for switch in self._switches:
            if not switch.tried or switch.off_at is not None:
                continue
            deadline = time.monotonic() + _OFF_PATIENCE
            while True:
                try:
                    yield self._off(switch, "the run ends")
                    break
                except QueryError as error:
                    if time.monotonic() >= deadline:
                        text = f"{switch.fault.service} {switch.fault.name} could not be switched off ({error}); "
                        yield Event(time.time(), "trouble", text + "it ends by itself, as it was told when it came on")
                        break
                    time.sleep(0.5)

    def _on(self, switch: _Switch) -> Event:
        fault = switch.fault
        switch.tried = True
        self._lab.service(fault.service).fault_on(
            fault.name, fault.duration, strength=fault.strength, target=fault.target, parameters=fault.parameters
        )
        switch.on_at = time.time()
        details = "".join(f", {key} {value}" for key, value in fault.parameters.items())
        text = f"{fault.service}: {fault.name} (strength {fault.strength:g}{details}), for at most {fault.duration:g} s"
        return Event(switch.on_at, "fault on", text)

    def _off(self, switch: _Switch, why: str) -> Event:
        self._lab.service(switch.fault.service).fault_off(switch.fault.name, timeout=2.0)
        switch.off_at = time.time()
        return Event(switch.off_at, "fault off", f"{switch.fault.service}: {switch.fault.name} ({why})")
