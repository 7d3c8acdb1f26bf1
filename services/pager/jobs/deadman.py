"""The dead man's switch: without heartbeats no other alert would be delivered either.

The age of a heartbeat counts from its evaluation by Prometheus, not from its arrival: Alertmanager repeats the last one
for about a minute after Prometheus has stopped. The age is measured on the monotonic clock, so that a change of the
time of day neither opens an incident nor hides one.
"""

import time
from datetime import datetime

from services.pager.incidents.store import IncidentStore
from services.pager.model.notification import Alert, Notification, identity
from services.pager.model.tables import Heartbeat, Incident

ALERT = "Watchdog"
SERVICE = "prometheus"
RECEIVER = "dead man's switch"
_LABELS = {"alertname": ALERT, "service": SERVICE, "severity": "page"}


class DeadMansSwitch:
    """Opens an incident when heartbeats are missing, and resolves it with the next fresh one.

    It needs one heartbeat ever: a lab without Prometheus opens no incident. And for a grace period after the pager's
    start it opens none, because the other servers start at the same time.
    """

    def __init__(self, store: IncidentStore, silence_seconds: float, grace_seconds: float) -> None:
        self._store = store
        self._silence = silence_seconds
        self._grace = grace_seconds
        self._monotonic = time.monotonic
        self._started = time.monotonic()
        # Evaluation of the newest heartbeat on the monotonic clock; None: none since the start.
        self._evaluated: float | None = None
        self._ever = store.last_heartbeat() is not None
        # Start of the firing: resolved by hand while heartbeats are missing, the same incident reopens.
        self._fired_at: datetime | None = None

    def receive(self, notification: Notification) -> None:
        """Store a heartbeat; alerts other than the Watchdog are ignored."""
        if notification.alert != ALERT:
            return
        evaluated_at = notification.evaluated_at or notification.received_at
        with self._store.database.write() as session:
            row = session.get(Heartbeat, ALERT)
            if row is not None and row.evaluated_at == evaluated_at:
                return
            # Not "later than the last": the time of day may have been set back.
            age = max(0.0, (notification.received_at - evaluated_at).total_seconds())
            evaluated = self._monotonic() - age
            if self._evaluated is not None and evaluated <= self._evaluated:
                return
            self._evaluated = evaluated
            session.merge(Heartbeat(name=ALERT, evaluated_at=evaluated_at, links=dict(notification.links)))
        self._ever = True
        if age <= self._silence:
            self._fired_at = None
            self._resolve(notification.received_at)

    def __call__(self, now: datetime) -> None:
        """Open an incident when the last heartbeat is too old."""
        silent = self.silent_seconds()
        if silent is None or silent <= self._silence:
            return
        if self._open_incident() is None:
            self._open(now, silent)

    def silent_seconds(self) -> float | None:
        """Return the age of the last heartbeat in seconds; None before the first one and in the grace period."""
        now = self._monotonic()
        if not self._ever or now - self._started < self._grace:
            return None
        # Without one since the start the age counts from the start.
        return now - (self._started if self._evaluated is None else self._evaluated)

    def _open_incident(self) -> Incident | None:
        incident = self._store.newest(identity(ALERT, SERVICE))
        return incident if incident is not None and incident.is_open else None

    def _open(self, now: datetime, silent: float) -> None:
        with self._store.database.read() as session:
            row = session.get(Heartbeat, ALERT)
            links = row.links if row is not None else {}
        summary = (
            f"No heartbeat for {silent:.0f} s (threshold {self._silence:.0f} s): "
            "Prometheus or Alertmanager has stopped, and no other alert would reach the pager"
        )
        self._fired_at = self._fired_at or now
        self._store.receive(self._notification(now, Alert(ALERT, _LABELS, self._fired_at, None), summary, links))

    def _resolve(self, now: datetime) -> None:
        incident = self._open_incident()
        if incident is not None:
            alert = Alert(ALERT, _LABELS, incident.opened_at, max(now, incident.opened_at))
            self._store.receive(self._notification(now, alert, "Heartbeat received again", {}))

    @staticmethod
    def _notification(now: datetime, alert: Alert, summary: str, links: dict[str, str]) -> Notification:
        return Notification(
            key=identity(ALERT, SERVICE),
            receiver=RECEIVER,
            firing=alert.ended_at is None,
            alert=ALERT,
            severity="page",
            service=SERVICE,
            summary=summary,
            description=(
                "The alert that always fires does not arrive. Until it does, no incident does not mean that nothing "
                "is wrong."
            ),
            links=links,
            alerts=(alert,),
            received_at=now,
            channel="pager",
        )
