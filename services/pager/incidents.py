"""The book of incidents: what a notice does to it, and what can be read in it.

Everything is in the database before the notice is acknowledged, so that a restart forgets nothing; a notice that could
not be written is answered with an error and sent again by Alertmanager.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.pager import lifecycle
from services.pager.database import Database
from services.pager.escalation import Escalation
from services.pager.instruments import Instruments
from services.pager.notice import SEVERITIES, Notice
from services.pager.tables import Attempt, Event, Heartbeat, Incident


class Outcome(StrEnum):
    """What a notice did."""

    OPENED = "opened"
    REOPENED = "reopened"
    UPDATED = "updated"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    IGNORED = "ignored"  # resolved, but no such incident is open or it began later than what the notice ends
    HEARTBEAT = "heartbeat"


NOTHING_NEW = frozenset({Outcome.REPEATED, Outcome.IGNORED})


class IncidentBook:
    """The incidents in one database. Safe to use from several threads."""

    def __init__(
        self, database: Database, escalation: Escalation, instruments: Instruments, max_resolved: int = 500
    ) -> None:
        self._database = database
        self._escalation = escalation
        self._instruments = instruments
        self._max_resolved = max_resolved
        # Told of each heartbeat; the dead man's switch puts itself here.
        self.on_heartbeat: Callable[[Notice], None] = lambda _: None
        self.show()

    def receive(self, notice: Notice) -> tuple[Outcome, Incident | None]:
        """Write down what a notice says, and count and log what changed.

        The incident is the one that it concerns, None where it concerns none.
        """
        if notice.is_heartbeat:
            self.on_heartbeat(notice)
            self.show()
            return Outcome.HEARTBEAT, None
        with self._database.write() as session:
            outcome, incident = self._receive(session, notice)
        self._tell(outcome, incident)
        return outcome, incident

    def listed(self, limit: int = 50) -> list[Incident]:
        """All open incidents, then the newest resolved ones, at most `limit` of these."""
        newest = (Incident.opened_at.desc(), Incident.id.desc())
        with self._database.read() as session:
            still_open = session.scalars(select(Incident).where(Incident.resolved_at.is_(None)).order_by(*newest))
            resolved = session.scalars(
                select(Incident).where(Incident.resolved_at.is_not(None)).order_by(*newest).limit(limit)
            )
            return [*still_open, *resolved]

    def get(self, incident_id: int) -> Incident | None:
        """The incident of this number, with its timeline."""
        with self._database.read() as session:
            return session.get(Incident, incident_id)

    def newest(self, key: str) -> Incident | None:
        """The newest incident of an identity."""
        with self._database.read() as session:
            return _newest(session, key)

    def open_by_severity(self) -> dict[str, int]:
        """How many incidents are open, for each severity that can have one."""
        counts = {severity: 0 for severity in SEVERITIES if severity != "none"}
        query = (
            select(Incident.severity, func.count()).where(Incident.resolved_at.is_(None)).group_by(Incident.severity)
        )
        with self._database.read() as session:
            for severity, count in session.execute(query):
                counts[severity] = count
        return counts

    def last_heartbeat(self) -> datetime | None:
        """When the alert that always fires was last heard; None when it never was."""
        with self._database.read() as session:
            return session.scalar(select(func.max(Heartbeat.heard_at)))

    def check(self) -> None:
        """Raise sqlalchemy.exc.SQLAlchemyError when the database cannot be read."""
        with self._database.read() as session:
            session.scalar(select(Incident.id).limit(1))

    def show(self) -> None:
        """Renew the gauges."""
        self._instruments.open_incidents(self.open_by_severity())
        self._instruments.heard(self.last_heartbeat())

    def _receive(self, session: Session, notice: Notice) -> tuple[Outcome, Incident | None]:
        incident = _newest(session, notice.key)
        if incident is not None and incident.is_open:
            return self._to_open(incident, notice), incident
        if not notice.firing:
            return Outcome.IGNORED, incident
        if incident is not None and lifecycle.is_same(incident, notice):
            lifecycle.reopen(incident, notice, self._escalation)
            return Outcome.REOPENED, incident
        if incident is not None and notice.channel == "mail" and lifecycle.began_before_its_end(incident, notice):
            # A mail takes longer than a webhook: what it tells of is over.
            return Outcome.UPDATED if lifecycle.mailed(incident, notice) else Outcome.IGNORED, incident
        incident = lifecycle.opened(notice, self._escalation)
        if notice.channel == "mail":
            lifecycle.mailed(incident, notice)
        session.add(incident)
        session.flush()
        self._prune(session)
        return Outcome.OPENED, incident

    def _to_open(self, incident: Incident, notice: Notice) -> Outcome:
        """What a notice does to an open incident."""
        if not notice.firing:
            if lifecycle.is_older(incident, notice):
                return Outcome.IGNORED
            lifecycle.resolve_by(incident, notice)
            return Outcome.RESOLVED
        if notice.channel == "mail":
            changed = lifecycle.mailed(incident, notice)
        else:
            changed = lifecycle.update(incident, notice, self._escalation)
        return Outcome.UPDATED if changed else Outcome.REPEATED

    def _tell(self, outcome: Outcome, incident: Incident | None) -> None:
        self.show()
        if incident is None or outcome in NOTHING_NEW:
            return
        if outcome in (Outcome.OPENED, Outcome.REOPENED):
            self._instruments.opened(incident, outcome)
        elif outcome is Outcome.RESOLVED:
            self._instruments.resolved(incident)
        else:
            self._instruments.tell(incident, outcome, outcome)

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
        session.execute(delete(Incident).where(Incident.id.in_(numbers)))


def _newest(session: Session, key: str) -> Incident | None:
    query = select(Incident).where(Incident.group_key == key).order_by(Incident.id.desc()).limit(1)
    return session.scalar(query)
