"""The dead man's switch: the alert that always fires is silent, so no other alert would get through either.

What counts is when Prometheus evaluated the newest Watchdog that has arrived, not when it arrived: Alertmanager repeats
the last one it was told for about a minute after Prometheus has stopped. How long ago that was is measured on the clock
that nobody can set, so that a change of the time of day neither raises an alarm nor hides one.
"""

import time
from collections.abc import Callable
from datetime import datetime

from services.pager.database import Database
from services.pager.incidents import IncidentBook
from services.pager.notice import Instance, Notice, identity
from services.pager.tables import Heartbeat

ALERT = "Watchdog"
SERVICE = "prometheus"
RECEIVER = "dead man's switch"
_LABELS = {"alertname": ALERT, "service": SERVICE, "severity": "page"}


class DeadMansSwitch:
    """Opens an incident when the Watchdog falls silent, and closes it when it is heard afresh.

    It needs to have heard it once, ever: a lab without Prometheus is no alarm. And for a while after its own start the
    pager minds no silence, because the others start at the same time.
    """

    def __init__(
        self,
        database: Database,
        book: IncidentBook,
        silence_seconds: float,
        grace_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._book = book
        self._silence = silence_seconds
        self._grace = grace_seconds
        self._monotonic = monotonic
        self._started = monotonic()
        # When the newest Watchdog was evaluated, on our own clock; None: not heard since the start.
        self._heard: float | None = None
        self._ever = book.last_heartbeat() is not None
        # Since when it is an alarm: closed by hand while the silence lasts, it is the same incident that opens again.
        self._fired_at: datetime | None = None

    def heard(self, notice: Notice) -> None:
        """A heartbeat came. Anything but the Watchdog proves nothing."""
        if notice.alert != ALERT:
            return
        evaluated_at = notice.evaluated_at or notice.received_at
        with self._database.write() as session:
            row = session.get(Heartbeat, ALERT)
            if row is not None and row.heard_at == evaluated_at:
                return
            # Not "later than the last": the time of day may have been set back.
            age = max(0.0, (notice.received_at - evaluated_at).total_seconds())
            heard = self._monotonic() - age
            if self._heard is not None and heard <= self._heard:
                return
            self._heard = heard
            session.merge(Heartbeat(name=ALERT, heard_at=evaluated_at, links=dict(notice.links)))
        self._ever = True
        if age <= self._silence:
            self._fired_at = None
            self._resolve(notice.received_at)

    def __call__(self, now: datetime) -> None:
        """What the clock does: look whether it has been silent for too long."""
        silent = self.silent_seconds()
        if silent is None or silent <= self._silence:
            return
        incident = self._book.newest(identity(ALERT, SERVICE))
        if incident is not None and incident.is_open:
            return
        self._open(now, silent)

    def silent_seconds(self) -> float | None:
        """For how long it has been silent; None while nobody minds."""
        now = self._monotonic()
        if not self._ever or now - self._started < self._grace:
            return None
        # Before this process has heard it, nobody knows more than that it was silent since the start.
        return now - (self._started if self._heard is None else self._heard)

    def _open(self, now: datetime, silent: float) -> None:
        with self._database.read() as session:
            row = session.get(Heartbeat, ALERT)
            links = row.links if row is not None else {}
        summary = (
            f"The Watchdog has not been heard for {silent:.0f} s (it may be silent for {self._silence:.0f} s): "
            "Prometheus or Alertmanager has stopped, and no other alert would reach the pager"
        )
        self._fired_at = self._fired_at or now
        self._book.receive(self._notice(now, Instance(ALERT, _LABELS, self._fired_at, None), summary, links))

    def _resolve(self, now: datetime) -> None:
        incident = self._book.newest(identity(ALERT, SERVICE))
        if incident is not None and incident.is_open:
            instance = Instance(ALERT, _LABELS, incident.opened_at, max(now, incident.opened_at))
            self._book.receive(self._notice(now, instance, "The Watchdog is heard again", {}))

    @staticmethod
    def _notice(now: datetime, instance: Instance, summary: str, links: dict[str, str]) -> Notice:
        return Notice(
            key=identity(ALERT, SERVICE),
            receiver=RECEIVER,
            firing=instance.ended_at is None,
            alert=ALERT,
            severity="page",
            service=SERVICE,
            summary=summary,
            description=(
                "The alert that always fires was not heard any more. Until it is, silence of the pager does not mean "
                "that all is well."
            ),
            links=links,
            instances=(instance,),
            truncated=0,
            received_at=now,
            channel="pager",
        )
