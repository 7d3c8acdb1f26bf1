"""Switches the faults of a run on and off at their seconds."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from lab.errors import LabError
from lab.query import Lab, QueryError
from lab.scenarios.observe.timeline import HIDDEN, Event, Kind
from lab.scenarios.run.stopped_servers import Servers
from loadtest.scenarios.declaration import ENGINE, PlannedFault

_OFF_PATIENCE = 5.0
# A server that has just been started again needs a moment until it answers everything.
_BACK_SECONDS = 15.0


@dataclass
class _Switch:
    fault: PlannedFault
    tried: bool = False
    on_at: float | None = None
    off_at: float | None = None
    # What the engine is at work on; a stop or a start takes seconds.
    work: Future[object] | None = None
    starting: str = ""

    @property
    def waiting(self) -> bool:
        return not self.tried

    @property
    def on(self) -> bool:
        return self.on_at is not None and self.off_at is None

    @property
    def ends_at(self) -> float:
        return (self.on_at or 0.0) + self.fault.duration

    @property
    def server(self) -> str:
        return self.fault.target if self.fault.service == ENGINE else ""


@dataclass(frozen=True)
class ActiveFault:
    """A fault that is on: its label (or `hidden`), when it came and when it ends at the latest, in Unix time."""

    label: str
    on_at: float
    ends_at: float


class Faults:
    """The faults of one run. Each is sent with its end, so that it ends by itself whatever becomes of the run."""

    def __init__(
        self,
        lab: Lab,
        planned: tuple[PlannedFault, ...],
        started_at: float,
        *,
        servers: Servers | None = None,
        hidden: bool = False,
    ) -> None:
        self._lab = lab
        self._started_at = started_at
        self._servers = servers
        self._hidden = hidden
        self._switches = [_Switch(fault) for fault in planned]
        self._workers = ThreadPoolExecutor(max_workers=max(1, len(planned)), thread_name_prefix="server")

    @property
    def over(self) -> bool:
        """Return whether every fault was on and is off again."""
        return all(switch.off_at is not None for switch in self._switches)

    @property
    def active(self) -> list[ActiveFault]:
        """The faults that are on."""
        return [
            ActiveFault(HIDDEN if self._hidden else s.fault.label, s.on_at or 0.0, s.ends_at)
            for s in self._switches
            if s.on
        ]

    @property
    def phase(self) -> str:
        """Name the faults that are on, or say what is waited for."""
        on = [one.label for one in self.active]
        if on:
            return "fault on: " + ", ".join(on)
        return "" if self.over else "waiting for the fault"

    def away(self, now: float) -> frozenset[str]:
        """Return the servers that need not answer now, because they are stopped or have just been started again."""
        return frozenset(
            switch.server
            for switch in self._switches
            if switch.server and switch.tried and (switch.off_at is None or now < switch.off_at + _BACK_SECONDS)
        )

    def step(self, now: float, *, enough: bool) -> Iterator[Event]:
        """Switch what is due; `enough` ends faults early, once everything that they are for was seen.

        Raises:
            BadAnswer: a service refuses the fault. ServerMissing: it does not answer.
            LabError: the engine could not stop or start a server.
        """
        for switch in self._switches:
            if switch.work is not None:
                if switch.work.done():
                    yield from self._settled(switch)
            elif switch.waiting and now >= self._started_at + switch.fault.at:
                yield self._on(switch)
            elif switch.on and (enough or now >= switch.ends_at):
                yield from self._off(switch, "everything was seen" if enough else "its time is over")

    def end(self) -> Iterator[Event]:
        """Switch off whatever may be on, and say so of what could not be reached."""
        for switch in self._switches:
            if switch.tried and switch.off_at is None:
                yield from self._end_server(switch) if switch.server else self._end_in_service(switch)
        self._workers.shutdown(wait=True)

    def _on(self, switch: _Switch) -> Event:
        fault = switch.fault
        switch.tried = True
        if switch.server:
            assert self._servers is not None
            switch.on_at = time.time()
            switch.work = self._workers.submit(self._servers.stop, fault.target, fault.duration, hidden=self._hidden)
            return self._event("fault on", f"{fault.target} is stopped, for at most {fault.duration:g} s", fault)
        self._lab.service(fault.service).fault_on(
            fault.name,
            fault.duration,
            intensity=fault.intensity,
            target=fault.target,
            parameters=fault.parameters,
            hidden=self._hidden,
        )
        switch.on_at = time.time()
        where = "" if fault.target == "*" else f" at {fault.target}"
        details = "".join(f", {key} {value}" for key, value in fault.parameters.items())
        text = (
            f"{fault.service}: {fault.name}{where} (intensity {fault.intensity:g}{details}), "
            f"for at most {fault.duration:g} s"
        )
        return self._event("fault on", text, fault)

    def _off(self, switch: _Switch, why: str, timeout: float | None = None) -> Iterator[Event]:
        if switch.server:
            assert self._servers is not None
            switch.starting = why
            switch.work = self._workers.submit(self._servers.start, switch.server)
            return
        self._lab.service(switch.fault.service).fault_off(switch.fault.name, timeout=timeout or 2.0)
        switch.off_at = time.time()
        yield self._event("fault off", f"{switch.fault.service}: {switch.fault.name} ({why})", switch.fault)

    def _settled(self, switch: _Switch) -> Iterator[Event]:
        """Take in what the engine has done. Raises what went wrong."""
        work, switch.work = switch.work, None
        assert work is not None
        work.result()
        if switch.starting:
            switch.off_at = time.time()
            yield self._event("fault off", f"{switch.server} is back ({switch.starting})", switch.fault)

    def _end_in_service(self, switch: _Switch) -> Iterator[Event]:
        deadline = time.monotonic() + _OFF_PATIENCE
        while True:
            try:
                yield from self._off(switch, "the run ends")
                return
            except QueryError as error:
                if time.monotonic() >= deadline:
                    text = f"{switch.fault.service} {switch.fault.name} could not be switched off ({error}); "
                    failure = text + "it ends by itself at its end time"
                    yield self._event("trouble", failure, switch.fault)
                    return
                time.sleep(0.5)

    def _end_server(self, switch: _Switch) -> Iterator[Event]:
        with contextlib.suppress(LabError, OSError):  # the stop may have failed: it is started all the same
            if switch.work is not None:
                yield from self._settled(switch)
        try:
            if switch.off_at is None:
                yield from self._off(switch, "the run ends")
                yield from self._settled(switch)
        except (LabError, OSError) as error:
            text = f"{switch.server} could not be started again ({error}); it is tried again in the background"
            yield self._event("trouble", text, switch.fault)

    def _event(self, kind: Kind, text: str, fault: PlannedFault) -> Event:
        return Event(time.time(), kind, text, fault=fault.label, hidden=self._hidden)
