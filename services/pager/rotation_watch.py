"""Watches the rotation's file: what is wrong with it is a metric and a log line before somebody is needed."""

from datetime import datetime, timedelta

from services.pager.instruments import Instruments
from services.pager.rotation import Rotation

EVERY = timedelta(seconds=10)


class RotationWatch:
    """What the clock does: reads the file now and then, and tells when what is wrong with it has changed."""

    def __init__(self, rotation: Rotation, instruments: Instruments) -> None:
        self._rotation = rotation
        self._instruments = instruments
        self._read_at: datetime | None = None
        self._told: tuple[str, ...] = ()

    def __call__(self, now: datetime) -> None:
        """Look, unless it was looked at just now."""
        if self._read_at is not None and timedelta() <= now - self._read_at < EVERY:
            return
        self._read_at = now
        problems = self._rotation.read().problems
        self._instruments.rotation_problems.set(len(problems))
        if problems == self._told:
            return
        self._told = problems
        self._instruments.telemetry.log(
            "application",
            "rotation.problems" if problems else "rotation.mended",
            "; ".join(problems) if problems else "the rotation names somebody at every moment again",
            level="warning" if problems else "info",
            logger="pager.rotation",
            problems=len(problems),
        )
