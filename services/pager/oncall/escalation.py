"""Escalation: pages a level, and the next one without an acknowledgement.

The deadline is in the database with the incident, so that it survives a restart of the pager. The new level and its
timeline entry are one transaction: a level is paged once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Select, select

from services.pager.metrics import PagerMetrics
from services.pager.model.database import Database
from services.pager.model.tables import Incident
from services.pager.model.timeline import add_entry
from services.pager.oncall.rotation import Plan, Rotation, join_names


class Escalation:
    """Pages the levels of the rotation, one after the other."""

    def __init__(self, rotation: Rotation, seconds: float) -> None:
        """Escalate a page without an acknowledgement after so many seconds."""
        self._rotation = rotation
        self._wait = timedelta(seconds=seconds)

    def page_first_level(self, incident: Incident, now: datetime) -> str:
        """Page the first level; return the responders as text.

        A ticket is assigned to them, but does not escalate.
        """
        incident.acknowledged_at = incident.acknowledged_by = None
        incident.escalation_level = 0
        plan = self._rotation.read()
        paged = self._page(incident, plan, now)
        self.start_deadline(incident, now, plan)
        return paged

    def start_deadline(self, incident: Incident, now: datetime, plan: Plan | None = None) -> None:
        """Start the deadline of a page that can escalate; clear it for any other."""
        plan = plan or self._rotation.read()
        incident.next_escalation_at = now + self._wait if self._can_escalate(incident, plan, now) else None

    def page_next_level(self, incident: Incident, now: datetime, why: str, by: str | None = None) -> bool:
        """Page the next level in place of the current responder; return False when there is none."""
        plan = self._rotation.read()
        if incident.escalation_level + 1 >= plan.levels:
            return False
        incident.acknowledged_at = incident.acknowledged_by = None
        incident.escalation_level += 1
        paged = self._page(incident, plan, now)
        add_entry(incident, now, "escalated", f"{why}{paged}", by, always=True)
        self.start_deadline(incident, now, plan)
        return True

    def _page(self, incident: Incident, plan: Plan, now: datetime) -> str:
        level = min(incident.escalation_level, plan.levels - 1)
        responders, fallback = plan.responders(level, now)
        incident.responder = join_names(responders)
        verb = "paged" if incident.severity == "page" else "for"
        why = " as the fallback: the rotation names no single responder" if fallback else ""
        return f"{verb} {incident.responder} (level {level + 1}, {plan.names[level]}){why}"

    @staticmethod
    def _can_escalate(incident: Incident, plan: Plan, now: datetime) -> bool:
        silenced = incident.silence_until is not None and incident.silence_until > now
        # A file that cannot be read now may have further levels later.
        has_next = incident.escalation_level + 1 < plan.levels or not plan.readable
        return (
            incident.is_open
            and incident.severity == "page"
            and incident.acknowledged_at is None
            and not silenced
            and has_next
        )


class EscalationTask:
    """A task: escalates pages after their deadline, and records silences that have expired."""

    def __init__(self, database: Database, escalation: Escalation, metrics: PagerMetrics) -> None:
        self._database = database
        self._escalation = escalation
        self._metrics = metrics

    def __call__(self, now: datetime) -> None:
        """Expire silences and escalate pages that are due."""
        self._end_silences(now)
        self._escalate(now)

    def _escalate(self, now: datetime) -> None:
        due = select(Incident).where(Incident.next_escalation_at <= now, Incident.resolved_at.is_(None))
        escalated = []
        with self._select_for_update(due) as incidents:
            for incident in incidents:
                waited = (now - _paged_at(incident)).total_seconds()
                why = f"Not acknowledged within {waited:.0f} s: "
                if self._escalation.page_next_level(incident, now, why):
                    escalated.append(incident)
                else:
                    self._escalation.start_deadline(incident, now)
        for incident in escalated:
            self._metrics.escalated(incident)

    def _end_silences(self, now: datetime) -> None:
        ended = select(Incident).where(Incident.silence_until <= now)
        with self._select_for_update(ended) as incidents:
            for incident in incidents:
                incident.silence_id = incident.silence_until = incident.silence_by = None
                add_entry(incident, now, "unsilenced", "The silence has expired", always=True)
                self._escalation.start_deadline(incident, now)

    @contextmanager
    def _select_for_update(self, query: Select[tuple[Incident]]) -> Iterator[list[Incident]]:
        """Yield the incidents of a query in a transaction that writes; without any, none begins."""
        with self._database.read() as session:
            found = session.scalar(query.limit(1)) is not None
        if not found:
            yield []
            return
        with self._database.write() as session:
            yield list(session.scalars(query))


def _paged_at(incident: Incident) -> datetime:
    """Return when the current level was paged."""
    paged = ("notified", "escalated", "reopened", "unsilenced")
    return max((line.at for line in incident.timeline if line.event in paged), default=incident.notified_at)
