"""The actions of responders. Each is one transaction: the second of two at once gets a 409."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from services.pager.incidents import lifecycle
from services.pager.incidents.alertmanager_client import Alertmanager, AlertmanagerError
from services.pager.incidents.store import IncidentStore, Outcome, find
from services.pager.model.tables import Incident
from services.pager.model.timeline import MAX_HAND_EVENTS, add_entry, count
from services.web.problems import Problem
from services.web.times import format_rfc3339


class Actions:
    """Acknowledge, escalate, comment, silence, resolve. All raise Problem (404, 409, 502) that says what to do."""

    def __init__(self, store: IncidentStore, alertmanager: Alertmanager) -> None:
        self._store = store
        self._escalation = store.escalation
        self._metrics = store.metrics
        self._alertmanager = alertmanager
        # Alertmanager is called outside of any transaction; this lock keeps one silence per incident.
        self._silencing = threading.Lock()

    def acknowledge(self, number: int, by: str) -> Incident:
        """Acknowledge an incident: its escalation stops."""
        now = datetime.now(UTC)
        with self._open(number) as incident:
            if incident.acknowledged_at is not None:
                if incident.acknowledged_by == by:
                    return incident
                raise Problem(
                    409,
                    "Already acknowledged",
                    f"{incident.acknowledged_by} has acknowledged it. Contact them, or escalate it.",
                    acknowledged_by=incident.acknowledged_by,
                    acknowledged_at=format_rfc3339(incident.acknowledged_at),
                )
            first = not count(incident, "acknowledged")
            incident.acknowledged_at, incident.acknowledged_by = now, by
            incident.responder = by
            incident.next_escalation_at = None
            waited = max(0.0, (now - incident.notified_at).total_seconds())
            add_entry(incident, now, "acknowledged", f"{waited:.0f} s after the notification", by, always=True)
        self._metrics.acknowledged(incident, first)
        return incident

    def escalate(self, number: int, by: str, reason: str) -> Incident:
        """Page the next level at once."""
        with self._open(number) as incident:
            why = f"{reason}: " if reason else ""
            if not self._escalation.page_next_level(incident, datetime.now(UTC), why, by):
                raise Problem(
                    409, "No further level", f"{incident.responder} is on the last level. Call a person yourself."
                )
        self._metrics.escalated(incident)
        return incident

    def comment(self, number: int, by: str, text: str) -> Incident:
        """Add a comment; also after the resolution, for the post-mortem."""
        with self._any(number) as incident:
            add_entry(incident, datetime.now(UTC), "commented", text, by, always=True)
        return incident

    def resolve(self, number: int, by: str, text: str) -> Incident:
        """Resolve it by hand. While its alert fires, the next notification reopens it."""
        now = datetime.now(UTC)
        with self._open(number) as incident:
            duration = max(0.0, (now - incident.opened_at).total_seconds())
            reason = f": {text}" if text else ""
            lifecycle.resolve(incident, now, f"Resolved by hand after {duration:.0f} s{reason}", by)
        self._store.record(Outcome.RESOLVED, incident)
        return incident

    def silence(self, number: int, by: str, minutes: int, comment: str) -> Incident:
        """Silence the alert in Alertmanager; its escalation stops meanwhile."""
        now = datetime.now(UTC)
        until = now + timedelta(minutes=minutes)
        with self._silencing:
            with self._open(number) as known:
                old = known.silence_id
            text = f"Incident {number}: {comment}" if comment else f"Incident {number}"
            with _alertmanager_errors():
                silence_id = self._alertmanager.silence(
                    known.alert, known.service, until=until, by=by, comment=text, known=old
                )
            try:
                with self._open(number) as incident:
                    incident.silence_id, incident.silence_until, incident.silence_by = silence_id, until, by
                    incident.next_escalation_at = None
                    reason = f": {comment}" if comment else ""
                    add_entry(incident, now, "silenced", f"For {minutes} min in Alertmanager{reason}", by, always=True)
            except BaseException:
                # A silence that no incident shows must not exist in Alertmanager.
                with _alertmanager_errors():
                    self._alertmanager.expire(silence_id)
                raise
        self._metrics.log(incident, "silenced", f"silenced for {minutes} min")
        return incident

    def unsilence(self, number: int, by: str) -> Incident:
        """Expire the silence in Alertmanager, also of a resolved incident."""
        now = datetime.now(UTC)
        with self._silencing:
            with self._any(number) as known:
                silence_id = known.silence_id
            if silence_id is None:
                raise Problem(409, "Not silenced", "This incident has no silence.")
            with _alertmanager_errors():
                self._alertmanager.expire(silence_id)
            with self._any(number) as incident:
                incident.silence_id = incident.silence_until = incident.silence_by = None
                add_entry(incident, now, "unsilenced", "The silence was expired in Alertmanager", by, always=True)
                self._escalation.start_deadline(incident, now)
        self._metrics.log(incident, "unsilenced", "unsilenced")
        return incident

    @contextmanager
    def _any(self, number: int) -> Iterator[Incident]:
        with self._store.database.write() as session:
            incident = find(session, number)
            if incident is None:
                detail = f"There is no incident {str(number)[:20]}. Look for yours in the list at /."
                raise Problem(404, "No such incident", detail, "/problems/unknown-incident")
            if len(incident.timeline) >= MAX_HAND_EVENTS:
                detail = f"This incident has {MAX_HAND_EVENTS} lines already. Go on in a document of your own."
                raise Problem(409, "Timeline full", detail)
            yield incident

    @contextmanager
    def _open(self, number: int) -> Iterator[Incident]:
        with self._any(number) as incident:
            if incident.resolved_at is not None:
                by = f" by {incident.resolved_by}" if incident.resolved_by else ""
                detail = f"It was resolved at {format_rfc3339(incident.resolved_at)}{by}. Comments can still be added."
                raise Problem(409, "Already resolved", detail, resolved_at=format_rfc3339(incident.resolved_at))
            yield incident


@contextmanager
def _alertmanager_errors() -> Iterator[None]:
    try:
        yield
    except AlertmanagerError as error:
        detail = f"{error} Nothing was changed; try again, or use Alertmanager's own page."
        raise Problem(502, "Alertmanager failed", detail) from error
