"""Who is paged, and who next when nobody acknowledges.

Until when somebody has to answer stands in the database beside the incident: a pager that was killed in between finds
it again, and because the new level and its line are one transaction, a level is paged once and not twice.
"""

from datetime import datetime, timedelta

from sqlalchemy import select

from services.pager.database import Database
from services.pager.instruments import Instruments
from services.pager.rotation import Plan, Rotation, told
from services.pager.tables import Incident
from services.pager.timeline import note


class Escalation:
    """Pages the levels of the rotation, one after the other."""

    def __init__(self, rotation: Rotation, seconds: float) -> None:
        """A page that nobody acknowledges within so many seconds goes to the next level."""
        self._rotation = rotation
        self._wait = timedelta(seconds=seconds)

    def begin(self, incident: Incident, now: datetime) -> str:
        """Page the first level; return it in words. A ticket is theirs, too, but does not escalate."""
        incident.acknowledged_at = incident.acknowledged_by = None
        incident.escalation_level = 0
        plan = self._rotation.read()
        words = self._page(incident, plan, now)
        self.resume(incident, now, plan)
        return words

    def resume(self, incident: Incident, now: datetime, plan: Plan | None = None) -> None:
        """Wait for an acknowledgement from now on, where one is waited for."""
        plan = plan or self._rotation.read()
        incident.next_escalation_at = now + self._wait if self._waits(incident, plan, now) else None

    def to_next(self, incident: Incident, now: datetime, why: str, by: str | None = None) -> bool:
        """Page the next level; False when there is none. Whoever had it has it no more."""
        plan = self._rotation.read()
        if incident.escalation_level + 1 >= plan.levels:
            return False
        incident.acknowledged_at = incident.acknowledged_by = None
        incident.escalation_level += 1
        words = self._page(incident, plan, now)
        note(incident, now, "escalated", f"{why}{words}", by, always=True)
        self.resume(incident, now, plan)
        return True

    def _page(self, incident: Incident, plan: Plan, now: datetime) -> str:
        level = min(incident.escalation_level, plan.levels - 1)
        responders, fallback = plan.responders(level, now)
        incident.responder = told(responders)
        verb = "paged" if incident.severity == "page" else "for"
        why = " in place of whom the rotation does not name" if fallback else ""
        return f"{verb} {incident.responder} (level {level + 1}, {plan.names[level]}){why}"

    @staticmethod
    def _waits(incident: Incident, plan: Plan, now: datetime) -> bool:
        silenced = incident.silence_until is not None and incident.silence_until > now
        # A file that cannot be read may name further levels when its time comes.
        has_next = incident.escalation_level + 1 < plan.levels or not plan.readable
        return (
            incident.is_open
            and incident.severity == "page"
            and incident.acknowledged_at is None
            and not silenced
            and has_next
        )


class EscalationTask:
    """What the clock does: pages whose time is over go to the next level, silences that have ended are noted."""

    def __init__(self, database: Database, escalation: Escalation, instruments: Instruments) -> None:
        self._database = database
        self._escalation = escalation
        self._instruments = instruments

    def __call__(self, now: datetime) -> None:
        """Do what is due."""
        self._end_silences(now)
        self._escalate(now)

    def _escalate(self, now: datetime) -> None:
        due = select(Incident).where(Incident.next_escalation_at <= now, Incident.resolved_at.is_(None))
        with self._database.read() as session:
            if session.scalar(due.limit(1)) is None:
                return
        escalated = []
        with self._database.write() as session:
            for incident in session.scalars(due):
                waited = (now - _paged_at(incident)).total_seconds()
                why = f"Not acknowledged within {waited:.0f} s: "
                if self._escalation.to_next(incident, now, why):
                    escalated.append(incident)
                else:
                    self._escalation.resume(incident, now)
        for incident in escalated:
            self._instruments.escalated(incident)

    def _end_silences(self, now: datetime) -> None:
        ended = select(Incident).where(Incident.silence_until <= now)
        with self._database.read() as session:
            if session.scalar(ended.limit(1)) is None:
                return
        with self._database.write() as session:
            for incident in session.scalars(ended):
                incident.silence_id = incident.silence_until = incident.silence_by = None
                note(incident, now, "unsilenced", "The silence has run out", always=True)
                self._escalation.resume(incident, now)


def _paged_at(incident: Incident) -> datetime:
    """When the level that did not answer was paged."""
    paged = ("notified", "escalated", "reopened", "unsilenced")
    return max((line.at for line in incident.timeline if line.event in paged), default=incident.notified_at)
