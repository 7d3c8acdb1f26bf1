"""Switches the faults of a run on and off at their seconds."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from lab.errors import LabError
from lab.query import Lab, QueryError
from lab.scenarios.observe.live_stats import FaultInterval
from lab.scenarios.observe.timeline import HIDDEN, Event, Kind
from lab.scenarios.run.stopped_servers import Servers
from loadtest.scenarios.declaration import ENGINE, PlannedFault

_OFF_TIMEOUT_SECONDS = 5.0
# A restarted server needs a moment until it responds to everything.
_RESTART_SECONDS = 15.0


@dataclass
class _Switch:
    fault: PlannedFault
    tried: bool = False
    on_at: float | None = None
    off_at: float | None = None
    # The running stop or start of a server, which takes seconds, and why the server is started.
    job: Future[object] | None = None
    start_reason: str = ""

    @property
    def on(self) -> bool:
        return self.on_at is not None and self.off_at is None

    @property
    def ends_at(self) -> float:
        return (self.on_at or 0.0) + self.fault.duration

    @property
    def server(self) -> str:
        return self.fault.target if self.fault.service == ENGINE else ""


class Faults:
    """The faults of one run. Each request has the end of its fault, so a fault also ends after a killed run."""

    def __init__(
        self, lab: Lab, servers: Servers, planned: tuple[PlannedFault, ...], started_at: float, *, hidden: bool
    ) -> None:
        self._lab = lab
        self._servers = servers
        self._started_at = started_at
        self._hidden = hidden
        self._switches = [_Switch(fault) for fault in planned]
        self._workers = ThreadPoolExecutor(max_workers=max(1, len(planned)), thread_name_prefix="server")

    @property
    def ended(self) -> bool:
        """Return whether every fault was on and is off again."""
        return all(switch.off_at is not None for switch in self._switches)

    @property
    def active(self) -> list[FaultInterval]:
        """Return the faults that are on."""
        return [
            FaultInterval(HIDDEN if self._hidden else one.fault.label, one.on_at or 0.0, one.ends_at)
            for one in self._switches
            if one.on
        ]

    @property
    def phase(self) -> str:
        """Return the phase of the run: the active faults, or what it waits for."""
        if active := self.active:
            return "fault on: " + ", ".join(one.label for one in active)
        return "" if self.ended else "waiting for the fault"

    def stopped(self, now: float) -> frozenset[str]:
        """Return the servers that need not respond: they are stopped or have just been restarted."""
        return frozenset(
            switch.server
            for switch in self._switches
            if switch.server and switch.tried and (switch.off_at is None or now < switch.off_at + _RESTART_SECONDS)
        )

    def step(self, now: float, *, enough: bool) -> Iterator[Event]:
        """Switch the faults that are due and yield the events; `enough` ends active faults early.

        Raises:
            QueryError: a service refused the fault or did not respond.
            LabError: the engine could not stop or start a server.
        """
        for switch in self._switches:
            if switch.job is not None:
                if switch.job.done():
                    yield from self._finish_job(switch)
            elif not switch.tried and now >= self._started_at + switch.fault.at:
                yield self._switch_on(switch)
            elif switch.on and (enough or now >= switch.ends_at):
                yield from self._switch_off(switch, "everything was seen" if enough else "its time is over")

    def end(self) -> Iterator[Event]:
        """Switch all faults off and yield the events, with those that could not be switched off."""
        for switch in self._switches:
            if switch.tried and switch.off_at is None:
                yield from self._end_server(switch) if switch.server else self._end_in_service(switch)
        self._workers.shutdown(wait=True)

    def _switch_on(self, switch: _Switch) -> Event:
        fault = switch.fault
        switch.tried = True
        limit = f"for at most {fault.duration:g} s"
        if switch.server:
            switch.on_at = time.time()
            switch.job = self._workers.submit(self._servers.stop, fault.target, fault.duration, hidden=self._hidden)
            return self._event("fault on", f"{fault.target} is stopped, {limit}", fault)
        self._lab.service(fault.service).fault_on(
            fault.name, fault.duration, fault.intensity, fault.target, fault.parameters, hidden=self._hidden
        )
        switch.on_at = time.time()
        where = "" if fault.target == "*" else f" at {fault.target}"
        details = "".join(f", {key} {value}" for key, value in fault.parameters.items())
        text = f"{fault.service}: {fault.name}{where} (intensity {fault.intensity:g}{details}), {limit}"
        return self._event("fault on", text, fault)

    def _switch_off(self, switch: _Switch, reason: str) -> Iterator[Event]:
        if switch.server:
            switch.start_reason = reason
            switch.job = self._workers.submit(self._servers.start, switch.server)
            return
        self._lab.service(switch.fault.service).fault_off(switch.fault.name, timeout=2.0)
        switch.off_at = time.time()
        yield self._event("fault off", f"{switch.fault.service}: {switch.fault.name} ({reason})", switch.fault)

    def _finish_job(self, switch: _Switch) -> Iterator[Event]:
        """Wait for the job of a server and yield its event; raise its error."""
        job, switch.job = switch.job, None
        assert job is not None
        job.result()
        if switch.start_reason:
            switch.off_at = time.time()
            yield self._event("fault off", f"{switch.server} is back ({switch.start_reason})", switch.fault)

    def _end_in_service(self, switch: _Switch) -> Iterator[Event]:
        deadline = time.monotonic() + _OFF_TIMEOUT_SECONDS
        while switch.off_at is None:
            try:
                yield from self._switch_off(switch, "the run ends")
            except QueryError as error:
                if time.monotonic() >= deadline:
                    text = f"{switch.fault.service} {switch.fault.name} could not be switched off ({error}); "
                    yield self._event("trouble", text + "it ends by itself at its end time", switch.fault)
                    return
                time.sleep(0.5)

    def _end_server(self, switch: _Switch) -> Iterator[Event]:
        with contextlib.suppress(LabError, OSError):  # the server starts also after a failed stop
            if switch.job is not None:
                yield from self._finish_job(switch)
        try:
            if switch.off_at is None:
                yield from self._switch_off(switch, "the run ends")
                yield from self._finish_job(switch)
        except (LabError, OSError) as error:
            text = f"{switch.server} could not be started again ({error}); it is tried again in the background"
            yield self._event("trouble", text, switch.fault)

    def _event(self, kind: Kind, text: str, fault: PlannedFault) -> Event:
        return Event(time.time(), kind, text, fault=fault.label, hidden=self._hidden)
