"""Detects a restart of a service during a run: it ends the faults and resets the counters."""

from lab.query import Lab
from lab.scenarios.observe.service_metrics import service_samples

_SERVICES = ("assistant", "model")


class RestartDetector:
    """Compares the start times of the services that a run needs."""

    def __init__(self, lab: Lab, needs: tuple[str, ...]) -> None:
        self._lab = lab
        self._start_times: dict[str, float] = {}
        self.services = tuple(name for name in _SERVICES if name in needs)
        # The service that restarted without a fault of the run; empty without one.
        self.restarted = ""

    def check(self, name: str, stopped: frozenset[str]) -> None:
        """Compare the start time of one service; a server in `stopped` may restart.

        Raises:
            QueryError: the service did not respond.
        """
        # Only on Linux is there such a metric.
        for sample in service_samples(self._lab, name, "process_start_time_seconds", 5.0):
            if self._start_times.setdefault(name, sample.value) != sample.value and name not in stopped:
                self.restarted = name
            self._start_times[name] = sample.value
