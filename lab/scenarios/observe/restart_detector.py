"""Notices when a service of ours dies in the middle of a run and comes back as if nothing had been."""

import re
from collections.abc import Iterator

from lab.query import Lab
from lab.scenarios.observe.timeline import Event

_STARTED = re.compile(r"^process_start_time_seconds(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)
_SERVICES = ("assistant", "model")


class RestartDetector:
    """The start times of the services that a run needs. A new one has lost its faults, and counts from zero."""

    def __init__(self, lab: Lab, needs: tuple[str, ...]) -> None:
        self._lab = lab
        self._started: dict[str, str] = {}
        self.services = tuple(name for name in _SERVICES if name in needs)
        # The service that restarted without a fault of the run; empty without one.
        self.restarted = ""

    def look(self, name: str, stopped: frozenset[str]) -> Iterator[Event]:
        """Look at one service. A server in `stopped` may come back as another one.

        Raises:
            ServerMissing: it does not answer.
        """
        text = self._lab.service(name).request("GET", "/metrics", headers={"Accept": "text/plain"}, timeout=5.0).text
        found = _STARTED.search(text)
        if found is None:  # only on Linux
            return
        before = self._started.get(name)
        if before not in (None, found[1]) and name not in stopped:
            self.restarted = name
        self._started[name] = found[1]
        yield from ()
