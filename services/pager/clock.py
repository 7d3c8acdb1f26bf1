"""One background thread that calls tasks each second: escalation, dead man's switch, remediation."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from opentelemetry.instrumentation.utils import suppress_instrumentation

from services.telemetry import Telemetry

Task = Callable[[datetime], None]


class Clock:
    """Calls each task about once a second. A task that raises is told in the log and called again."""

    def __init__(self, telemetry: Telemetry, seconds: float = 1.0) -> None:
        self._telemetry = telemetry
        self._seconds = seconds
        self._tasks: dict[str, Task] = {}
        # The exception that a task raised last: told once, and again when it is another one.
        self._failing: dict[str, str] = {}
        self._stop = threading.Event()

    def add(self, name: str, task: Task) -> None:
        """Have a task called from now on. It is given the time of day in UTC."""
        self._tasks[name] = task

    def tick(self, now: datetime) -> None:
        """Call every task once."""
        # A trace of its own for every second would tell nothing.
        with suppress_instrumentation():
            for name, task in self._tasks.items():
                try:
                    task(now)
                except Exception as error:
                    self._failed(name, error)
                else:
                    self._failing.pop(name, None)

    def start(self) -> threading.Thread:
        """Tick until `stop` is called."""

        def loop() -> None:
            while not self._stop.wait(self._seconds):
                self.tick(datetime.now(UTC))

        thread = threading.Thread(target=loop, name="clock", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def _failed(self, name: str, error: Exception) -> None:
        told = f"{type(error).__qualname__}: {error}"
        if self._failing.get(name) != told:
            self._failing[name] = told
            self._telemetry.exception(f"the pager's task {name} failed", error, logger="pager.clock", task=name)
