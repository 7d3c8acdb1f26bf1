"""Resolves incidents without a "resolved": Alertmanager sends none for an alert that ends silenced or inhibited.

Its incident would stay open for ever. So the pager polls the active alerts, and resolves the incidents of alerts that
Alertmanager no longer has.
"""

from datetime import datetime, timedelta

from services.pager.incidents import lifecycle
from services.pager.incidents.alertmanager_client import Alertmanager, AlertmanagerError
from services.pager.incidents.store import IncidentBook
from services.pager.metrics import PagerMetrics
from services.pager.model.database import Database
from services.pager.model.tables import Incident

EVERY = timedelta(seconds=5)


class Reconciliation:
    """A task: polls Alertmanager, and resolves the incidents of alerts that ended there."""

    def __init__(
        self,
        database: Database,
        book: IncidentBook,
        alertmanager: Alertmanager,
        metrics: PagerMetrics,
        seconds: float,
    ) -> None:
        """Resolve an incident when Alertmanager has not had its alert for so many seconds.

        Prometheus sends firing alerts every 15 s, and a "resolved" takes up to 10 s.
        """
        self._database = database
        self._book = book
        self._alertmanager = alertmanager
        self._metrics = metrics
        self._stale_after = timedelta(seconds=seconds)
        self._asked_at: datetime | None = None
        # Since when Alertmanager lacks the alert, by incident number.
        self._unknown: dict[int, datetime] = {}

    def __call__(self, now: datetime) -> None:
        """Poll, at most every EVERY, and only with open incidents."""
        if self._asked_at is not None and timedelta() <= now - self._asked_at < EVERY:
            return
        self._asked_at = now
        incidents = [one for one in self._book.list(0) if _is_from_webhook(one)]
        if not incidents:
            self._unknown = {}
            return
        try:
            active = self._alertmanager.active_alerts()
        except AlertmanagerError:
            # Alertmanager is down: ServiceDown fires for it.
            self._unknown = {}
            return
        if now - active.started_at < self._stale_after:
            # It has just started, and Prometheus has not sent its alerts yet.
            self._unknown = {}
            return
        self._unknown = {
            one.id: self._unknown.get(one.id, now) for one in incidents if (one.alert, one.service) not in active.alerts
        }
        for number, since in self._unknown.items():
            if now - since >= self._stale_after:
                self._close(number, since)

    def _close(self, number: int, since: datetime) -> None:
        with self._database.write() as session:
            incident = session.get(Incident, number)
            # A notification may have come meanwhile.
            if incident is None or not incident.is_open:
                return
            text = "Alertmanager no longer has the alert; it ended while it was silenced or inhibited"
            lifecycle.resolve(incident, since, text)
        self._book.set_gauges()
        self._metrics.resolved(incident)


def _is_from_webhook(incident: Incident) -> bool:
    """Return whether the webhook sent it; mails come from other senders, too, and the pager opens some itself."""
    return any("channel" not in one for one in incident.alerts.values())
