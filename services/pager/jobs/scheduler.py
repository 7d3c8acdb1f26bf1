"""One background thread that calls tasks each second: escalation, dead man's switch, remediation."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from opentelemetry.instrumentation.utils import suppress_instrumentation

from services.telemetry import Telemetry

Task = Callable[[datetime], None]


class Scheduler:
    """Calls each task about once a second. A task that raises is logged and called again."""

    def __init__(self, telemetry: Telemetry, seconds: float = 1.0) -> None:
        self._telemetry = telemetry
        self._seconds = seconds
        self._tasks: dict[str, Task] = {}
        # The last exception of a task: logged once, and again when it changes.
        self._failing: dict[str, str] = {}
        self._stop = threading.Event()

    def add(self, name: str, task: Task) -> None:
        """Add a task. It is called with the time of day, aware UTC."""
        self._tasks[name] = task

    def tick(self, now: datetime) -> None:
        """Call every task once."""
        # A trace for every second would be noise.
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

        thread = threading.Thread(target=loop, name="scheduler", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def _failed(self, name: str, error: Exception) -> None:
        failure = f"{type(error).__qualname__}: {error}"
        if self._failing.get(name) != failure:
            self._failing[name] = failure
            self._telemetry.exception(f"the pager's task {name} failed", error, logger="pager.scheduler", task=name)
