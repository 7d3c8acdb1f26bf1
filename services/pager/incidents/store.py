"""The store of incidents: applies notifications, and answers queries.

A notification is stored before its response, so that a restart loses nothing; after a storage failure Alertmanager
sends it again.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.pager.incidents import lifecycle
from services.pager.metrics import PagerMetrics
from services.pager.model.database import Database
from services.pager.model.notification import Notification
from services.pager.model.tables import Attempt, Event, Heartbeat, Incident, Mail
from services.pager.oncall.escalation import Escalation


class Outcome(StrEnum):
    """The effect of a notification."""

    OPENED = "opened"
    REOPENED = "reopened"
    UPDATED = "updated"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    IGNORED = "ignored"  # resolved, but no such incident is open, or it is stale
    HEARTBEAT = "heartbeat"


UNCHANGED = frozenset({Outcome.REPEATED, Outcome.IGNORED})


class IncidentStore:
    """The incidents in one database, with their escalation and metrics. Safe to use from several threads."""

    def __init__(self, database: Database, escalation: Escalation, metrics: PagerMetrics, max_resolved: int) -> None:
        self.database = database
        self.escalation = escalation
        self.metrics = metrics
        self._max_resolved = max_resolved
        # Called with each heartbeat; the dead man's switch sets it.
        self.on_heartbeat: Callable[[Notification], None] = lambda _: None
        self._set_gauges()

    def receive(self, notification: Notification) -> tuple[Outcome, Incident | None]:
        """Apply a notification, and count and log the change.

        Returns:
            The effect, and the incident; None for a heartbeat and where there is none.
        """
        self.metrics.replaced_times(notification)
        if notification.is_heartbeat:
            self.on_heartbeat(notification)
            self._set_gauges()
            return Outcome.HEARTBEAT, None
        with self.database.write() as session:
            outcome, incident = self._receive(session, notification)
        self.record(outcome, incident)
        return outcome, incident

    def record(self, outcome: Outcome, incident: Incident | None) -> None:
        """Set the gauges, and count and log a change of an incident. Call it after the commit."""
        self._set_gauges()
        if incident is None or outcome in UNCHANGED:
            return
        if outcome in (Outcome.OPENED, Outcome.REOPENED):
            self.metrics.opened(incident, outcome)
        elif outcome is Outcome.RESOLVED:
            self.metrics.resolved(incident)
        else:
            self.metrics.log(incident, outcome, outcome)

    def list(self, limit: int = 50) -> list[Incident]:
        """Return all open incidents, then the newest resolved ones, at most `limit` of these."""
        newest = (Incident.opened_at.desc(), Incident.id.desc())
        with self.database.read() as session:
            still_open = session.scalars(select(Incident).where(Incident.resolved_at.is_(None)).order_by(*newest))
            resolved = session.scalars(
                select(Incident).where(Incident.resolved_at.is_not(None)).order_by(*newest).limit(limit)
            )
            return [*still_open, *resolved]

    def get(self, incident_id: int) -> Incident | None:
        """Return the incident of this number, with its timeline; None without one."""
        with self.database.read() as session:
            return find(session, incident_id)

    def newest(self, key: str) -> Incident | None:
        """Return the newest incident of a key."""
        with self.database.read() as session:
            return _newest(session, key)

    def last_heartbeat(self) -> datetime | None:
        """Return the time of the last heartbeat; None without one."""
        with self.database.read() as session:
            return session.scalar(select(func.max(Heartbeat.evaluated_at)))

    def check(self) -> None:
        """Read one row.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database cannot be read.
        """
        with self.database.read() as session:
            session.scalar(select(Incident.id).limit(1))

    def _set_gauges(self) -> None:
        severities = select(Incident.severity).where(Incident.resolved_at.is_(None))
        with self.database.read() as session:
            self.metrics.open_incidents(Counter(session.scalars(severities)))
        self.metrics.heartbeat(self.last_heartbeat())

    def _receive(self, session: Session, notification: Notification) -> tuple[Outcome, Incident | None]:
        incident = _newest(session, notification.key)
        if incident is not None and incident.is_open:
            return self._apply_to_open(incident, notification), incident
        if not notification.firing:
            return Outcome.IGNORED, incident
        if incident is not None and lifecycle.is_same_firing(incident, notification):
            lifecycle.reopen(incident, notification, self.escalation)
            return Outcome.REOPENED, incident
        if (
            incident is not None
            and notification.channel == "mail"
            and lifecycle.started_before_resolution(incident, notification)
        ):
            # A mail arrives later than the webhook: its alert is resolved.
            return Outcome.UPDATED if lifecycle.record_mail(incident, notification) else Outcome.IGNORED, incident
        incident = lifecycle.open_incident(notification, self.escalation)
        if notification.channel == "mail":
            lifecycle.record_mail(incident, notification)
        session.add(incident)
        session.flush()
        self._prune(session)
        return Outcome.OPENED, incident

    def _apply_to_open(self, incident: Incident, notification: Notification) -> Outcome:
        """Apply a notification to an open incident."""
        if not notification.firing:
            if lifecycle.is_stale(incident, notification):
                return Outcome.IGNORED
            lifecycle.resolve_by_notification(incident, notification)
            return Outcome.RESOLVED
        if notification.channel == "mail":
            changed = lifecycle.record_mail(incident, notification)
        else:
            changed = lifecycle.update(incident, notification, self.escalation)
        return Outcome.UPDATED if changed else Outcome.REPEATED

    def _prune(self, session: Session) -> None:
        stale = (
            select(Incident.id)
            .where(Incident.resolved_at.is_not(None))
            .order_by(Incident.id.desc())
            .offset(self._max_resolved)
        )
        numbers = list(session.scalars(stale))
        session.execute(delete(Event).where(Event.incident_id.in_(numbers)))
        session.execute(delete(Attempt).where(Attempt.incident_id.in_(numbers)))
        session.execute(delete(Mail).where(Mail.incident_id.in_(numbers)))
        session.execute(delete(Incident).where(Incident.id.in_(numbers)))


def find(session: Session, number: int) -> Incident | None:
    """Return the incident of this number; None without one. SQLite refuses numbers of more than 64 bits."""
    return session.get(Incident, number) if number < 2**63 else None


def _newest(session: Session, key: str) -> Incident | None:
    query = select(Incident).where(Incident.group_key == key).order_by(Incident.id.desc()).limit(1)
    return session.scalar(query)
