"""Incidents whose end nobody told: Alertmanager sends no "resolved" for an alert that ends silenced or inhibited.

Alertmanager drops such an alert without a word, and its incident would stay open for ever. So the pager asks now and
then which alerts there are, and closes what Alertmanager does not know any more.
"""

from datetime import datetime, timedelta

from services.pager import lifecycle
from services.pager.alertmanager import Alertmanager, AlertmanagerError
from services.pager.database import Database
from services.pager.incidents import IncidentBook
from services.pager.instruments import Instruments
from services.pager.tables import Incident

EVERY = timedelta(seconds=5)


class Reconciliation:
    """What the clock does: asks Alertmanager, and closes what it has forgotten."""

    def __init__(
        self,
        database: Database,
        book: IncidentBook,
        alertmanager: Alertmanager,
        instruments: Instruments,
        seconds: float,
    ) -> None:
        """An alert that Alertmanager has not known for so many seconds is over.

        Prometheus tells it of what fires every 15 s, and a notice of an end is on its way for up to 10 s.
        """
        self._database = database
        self._book = book
        self._alertmanager = alertmanager
        self._instruments = instruments
        self._forgotten = timedelta(seconds=seconds)
        self._asked_at: datetime | None = None
        # Since when incidents are unknown there, by their number.
        self._unknown: dict[int, datetime] = {}

    def __call__(self, now: datetime) -> None:
        """Ask, unless it was asked just now, or there is nothing to ask for."""
        if self._asked_at is not None and timedelta() <= now - self._asked_at < EVERY:
            return
        self._asked_at = now
        incidents = [one for one in self._book.listed(0) if _is_alertmanagers(one)]
        if not incidents:
            self._unknown = {}
            return
        try:
            known = self._alertmanager.known()
        except AlertmanagerError:
            # Nothing is known, least of all that something is over. ServiceDown tells who is away.
            self._unknown = {}
            return
        if now - known.started_at < self._forgotten:
            # It has just started, and does not know yet.
            self._unknown = {}
            return
        self._unknown = {
            one.id: self._unknown.get(one.id, now) for one in incidents if (one.alert, one.service) not in known.alerts
        }
        for number, since in self._unknown.items():
            if now - since >= self._forgotten:
                self._close(number, since)

    def _close(self, number: int, since: datetime) -> None:
        with self._database.write() as session:
            incident = session.get(Incident, number)
            # A notice may have come meanwhile.
            if incident is None or not incident.is_open:
                return
            text = "Alertmanager has no such alert any more; it ended while it was silenced or held back by another"
            lifecycle.resolve(incident, since, text)
        self._book.show()
        self._instruments.resolved(incident)


def _is_alertmanagers(incident: Incident) -> bool:
    """Whether Alertmanager told of it on the webhook; mails come from others, too, and some the pager opens itself."""
    return any("channel" not in one for one in incident.instances.values())
