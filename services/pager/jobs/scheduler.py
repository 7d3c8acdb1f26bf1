"""One background thread that calls the periodic tasks."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from opentelemetry.instrumentation.utils import suppress_instrumentation

from services.telemetry import Telemetry

Task = Callable[[datetime], None]


class Scheduler:
    """Calls each task about once a second. A task that raises is logged and called again."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._tasks: dict[str, Task] = {}
        self._intervals: dict[str, timedelta] = {}
        self._called_at: dict[str, datetime] = {}
        # The last exception of a task: logged once, and again when it changes.
        self._failing: dict[str, str] = {}

    def add(self, name: str, task: Task, interval: timedelta = timedelta()) -> None:
        """Add a task. It is called with the time of day, aware UTC, at most once in each interval."""
        self._tasks[name] = task
        self._intervals[name] = interval

    def tick(self, now: datetime) -> None:
        """Call each task that is due."""
        # A trace for every second would be noise.
        with suppress_instrumentation():
            for name, task in self._tasks.items():
                if not self._is_due(name, now):
                    continue
                self._called_at[name] = now
                try:
                    task(now)
                except Exception as error:
                    self._failed(name, error)
                else:
                    self._failing.pop(name, None)

    def start(self) -> None:
        """Call the tasks in a daemon thread, once a second until the process ends."""
        threading.Thread(target=self._run, name="scheduler", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(1)
            self.tick(datetime.now(UTC))

    def _is_due(self, name: str, now: datetime) -> bool:
        since = now - self._called_at.get(name, datetime.min.replace(tzinfo=UTC))
        # Negative after the time of day was set back.
        return since < timedelta() or since >= self._intervals.get(name, timedelta())

    def _failed(self, name: str, error: Exception) -> None:
        failure = f"{type(error).__qualname__}: {error}"
        if self._failing.get(name) != failure:
            self._failing[name] = failure
            self._telemetry.exception(f"the pager's task {name} failed", error, logger="pager.scheduler", task=name)
