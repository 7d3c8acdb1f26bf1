"""What people do with an incident. Each is one transaction: of two at once, one comes first and the other is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from services.pager import lifecycle
from services.pager.alertmanager import Alertmanager, AlertmanagerError
from services.pager.database import Database
from services.pager.documents import rfc3339
from services.pager.escalation import Escalation
from services.pager.incidents import IncidentBook
from services.pager.instruments import Instruments
from services.pager.tables import Incident
from services.pager.timeline import MAX_HAND_EVENTS, count, note
from services.web.problems import Problem


class Actions:
    """Acknowledge, escalate, comment, silence, resolve. All raise Problem (404, 409, 502) that says what to do."""

    def __init__(
        self,
        database: Database,
        book: IncidentBook,
        escalation: Escalation,
        alertmanager: Alertmanager,
        instruments: Instruments,
    ) -> None:
        self._database = database
        self._book = book
        self._escalation = escalation
        self._alertmanager = alertmanager
        self._instruments = instruments
        # Alertmanager is asked outside of any transaction; this keeps one silence for an incident.
        self._silencing = threading.Lock()

    def acknowledge(self, number: int, by: str) -> Incident:
        """Take an incident: nobody else is paged for it."""
        now = datetime.now(UTC)
        with self._open(number) as incident:
            if incident.acknowledged_at is not None:
                if incident.acknowledged_by == by:
                    return incident
                raise Problem(
                    409,
                    "Already acknowledged",
                    f"{incident.acknowledged_by} was first and has it. Speak with them, or escalate it.",
                    acknowledged_by=incident.acknowledged_by,
                    acknowledged_at=rfc3339(incident.acknowledged_at),
                )
            first = not count(incident, "acknowledged")
            incident.acknowledged_at, incident.acknowledged_by = now, by
            incident.responder = by
            incident.next_escalation_at = None
            waited = max(0.0, (now - incident.notified_at).total_seconds())
            note(incident, now, "acknowledged", f"{waited:.0f} s after the pager was told", by, always=True)
        self._instruments.acknowledged(incident, first)
        return incident

    def escalate(self, number: int, by: str, reason: str) -> Incident:
        """Page the next level at once."""
        with self._open(number) as incident:
            why = f"{reason}: " if reason else ""
            if not self._escalation.to_next(incident, datetime.now(UTC), why, by):
                raise Problem(
                    409, "No further level", f"{incident.responder} is the last level already. Call somebody yourself."
                )
        self._instruments.escalated(incident)
        return incident

    def comment(self, number: int, by: str, text: str) -> Incident:
        """Write a line; also after the resolution, for the post-mortem."""
        with self._any(number) as incident:
            note(incident, datetime.now(UTC), "commented", text, by, always=True)
        return incident

    def resolve(self, number: int, by: str, text: str) -> Incident:
        """Close it by hand. If its alert fires still, the next notice opens it again."""
        now = datetime.now(UTC)
        with self._open(number) as incident:
            duration = max(0.0, (now - incident.opened_at).total_seconds())
            said = f": {text}" if text else ""
            lifecycle.resolve(incident, now, f"Resolved by hand after {duration:.0f} s{said}", by)
        self._book.show()
        self._instruments.resolved(incident)
        return incident

    def silence(self, number: int, by: str, minutes: int, comment: str) -> Incident:
        """Silence the alert in Alertmanager itself; meanwhile nobody is paged for it."""
        now = datetime.now(UTC)
        until = now + timedelta(minutes=minutes)
        with self._silencing:
            with self._open(number) as known:
                old = known.silence_id
            text = f"Incident {number}: {comment}" if comment else f"Incident {number}"
            with _asked():
                silence_id = self._alertmanager.silence(
                    known.alert, known.service, until=until, by=by, comment=text, known=old
                )
            try:
                with self._open(number) as incident:
                    incident.silence_id, incident.silence_until, incident.silence_by = silence_id, until, by
                    incident.next_escalation_at = None
                    said = f": {comment}" if comment else ""
                    note(incident, now, "silenced", f"For {minutes} min in Alertmanager{said}", by, always=True)
            except BaseException:
                # What nobody can see here must not hold anything back there.
                with _asked():
                    self._alertmanager.expire(silence_id)
                raise
        self._instruments.tell(incident, "silenced", f"silenced for {minutes} min")
        return incident

    def unsilence(self, number: int, by: str) -> Incident:
        """End the silence in Alertmanager, also when the incident is over."""
        now = datetime.now(UTC)
        with self._silencing:
            with self._any(number) as known:
                silence_id = known.silence_id
            if silence_id is None:
                raise Problem(409, "Not silenced", "This incident is not silenced (any more).")
            with _asked():
                self._alertmanager.expire(silence_id)
            with self._any(number) as incident:
                incident.silence_id = incident.silence_until = incident.silence_by = None
                note(incident, now, "unsilenced", "The silence was ended in Alertmanager", by, always=True)
                self._escalation.resume(incident, now)
        self._instruments.tell(incident, "unsilenced", "not silenced any more")
        return incident

    @contextmanager
    def _any(self, number: int) -> Iterator[Incident]:
        # Numbers beyond 64 bits are no number of a row, and SQLite refuses to look for them.
        with self._database.write() as session:
            incident = session.get(Incident, number) if number < 2**63 else None
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
                detail = f"It was resolved at {rfc3339(incident.resolved_at)}{by}. Comments can still be added."
                raise Problem(409, "Already resolved", detail, resolved_at=rfc3339(incident.resolved_at))
            yield incident


@contextmanager
def _asked() -> Iterator[None]:
    try:
        yield
    except AlertmanagerError as error:
        detail = f"{error} Nothing was changed; try again, or use Alertmanager's own page."
        raise Problem(502, "Alertmanager failed", detail) from error
