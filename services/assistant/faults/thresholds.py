"""A log line for each threshold that a slowly growing fault passes."""

from collections.abc import Callable, Sequence

from services.telemetry import Telemetry


class ThresholdLogger:
    """Logs once per threshold: `log(percent)` writes the lines of all thresholds that `percent` has reached.

    Thresholds (percent, rising) that are reached at the start are left out. `write` gets a threshold and writes its
    line.
    """

    def __init__(self, thresholds: Sequence[int], percent: float, write: Callable[[int], None]) -> None:
        self._waiting = [threshold for threshold in thresholds if threshold > percent]
        self._write = write

    def log(self, percent: float) -> None:
        """Write the lines of all thresholds up to `percent` that were not logged before."""
        while self._waiting and percent >= self._waiting[0]:
            self._write(self._waiting.pop(0))


def log_performance(telemetry: Telemetry, event: str, message: str, logger: str, **fields: int) -> None:
    """Write a warning of kind `performance`."""
    telemetry.log("performance", event, message, level="warning", logger=logger, **fields)
