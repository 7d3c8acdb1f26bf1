"""Watches the rotation's file: its problems are a metric and a log line before a page needs it."""

from datetime import datetime, timedelta

from services.pager.metrics import PagerMetrics
from services.pager.oncall.rotation import Rotation

INTERVAL = timedelta(seconds=10)


class RotationWatch:
    """A task: reads the file, and logs when its problems change."""

    def __init__(self, rotation: Rotation, metrics: PagerMetrics) -> None:
        self._rotation = rotation
        self._metrics = metrics
        self._logged: tuple[str, ...] = ()

    def __call__(self, _: datetime) -> None:
        """Read the file; set the metric, and log a change."""
        problems = self._rotation.read().problems
        self._metrics.rotation_problems.set(len(problems))
        if problems == self._logged:
            return
        self._logged = problems
        self._metrics.telemetry.log(
            "application",
            "rotation.problems" if problems else "rotation.fixed",
            "; ".join(problems) if problems else "the rotation has one responder at every moment again",
            level="warning" if problems else "info",
            logger="pager.rotation",
            problems=len(problems),
        )
