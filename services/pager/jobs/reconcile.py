"""Resolves incidents without a "resolved": Alertmanager sends none for an alert that ends silenced or inhibited.

Its incident would stay open for ever. So the pager polls the active alerts, and resolves the incidents of alerts that
Alertmanager no longer has.
"""

from datetime import datetime, timedelta

from services.pager.incidents import lifecycle
from services.pager.incidents.alertmanager_client import Alertmanager, AlertmanagerError
from services.pager.incidents.store import IncidentStore, Outcome
from services.pager.model.tables import Incident

INTERVAL = timedelta(seconds=5)


class Reconciliation:
    """A task: polls Alertmanager, and resolves the incidents of alerts that ended there."""

    def __init__(self, store: IncidentStore, alertmanager: Alertmanager, seconds: float) -> None:
        """Resolve an incident when Alertmanager has not had its alert for so many seconds.

        Prometheus sends firing alerts every 15 s, and a "resolved" takes up to 10 s.
        """
        self._store = store
        self._alertmanager = alertmanager
        self._stale_after = timedelta(seconds=seconds)
        # Since when Alertmanager lacks the alert, by incident number.
        self._unknown: dict[int, datetime] = {}

    def __call__(self, now: datetime) -> None:
        """Poll Alertmanager when incidents are open, and resolve those without an alert."""
        self._unknown = {number: self._unknown.get(number, now) for number in self._without_alert(now)}
        for number, since in self._unknown.items():
            if now - since >= self._stale_after:
                self._resolve(number, since)

    def _without_alert(self, now: datetime) -> list[int]:
        """Return the numbers of the open incidents whose alert Alertmanager lacks; none while that is uncertain."""
        incidents = [one for one in self._store.list(0) if _is_from_webhook(one)]
        if not incidents:
            return []
        try:
            active = self._alertmanager.active_alerts()
        except AlertmanagerError:
            # Alertmanager is down: ServiceDown fires for it.
            return []
        if now - active.started_at < self._stale_after:
            # It has just started, and Prometheus has not sent its alerts yet.
            return []
        return [one.id for one in incidents if (one.alert, one.service) not in active.alerts]

    def _resolve(self, number: int, since: datetime) -> None:
        with self._store.database.write() as session:
            incident = session.get(Incident, number)
            # A notification may have come meanwhile.
            if incident is None or not incident.is_open:
                return
            text = "Alertmanager no longer has the alert; it ended while it was silenced or inhibited"
            lifecycle.resolve(incident, since, text)
        self._store.record(Outcome.RESOLVED, incident)


def _is_from_webhook(incident: Incident) -> bool:
    """Return whether the webhook sent it; mails come from other senders, too, and the pager opens some itself."""
    return any("channel" not in one for one in incident.alerts.values())
