"""The pager's metrics, and a log line for each change of an incident."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from prometheus_client import Histogram

from services.pager.model.notification import Notification
from services.pager.model.tables import Incident
from services.telemetry import Telemetry, names

CHANNELS = ("webhook", "mail")
RESULTS = ("accepted", "repeated", "refused")
ACTION = "restart-assistant"
REMEDIATION_RESULTS = ("dry_run", "done", "failed", "limited")
# The severities of incidents; the heartbeat's opens none.
_SEVERITIES = [{"severity": "page"}, {"severity": "ticket"}]


class PagerMetrics:
    """Counts and logs. Call it after the commit."""

    def __init__(self, telemetry: Telemetry, url: str = "") -> None:
        self.telemetry = telemetry
        if url:
            address = telemetry.gauge(names.PAGER_ADDRESS, "Where browsers find the pager.", names.PAGER_ADDRESS_LABELS)
            address.labels(url=url).set(1)
        self._notifications = telemetry.counter(
            names.PAGER_NOTIFICATIONS,
            "Notifications received, by result.",
            names.PAGER_NOTIFICATIONS_LABELS,
            initial=[{"channel": channel, "result": result} for channel in CHANNELS for result in RESULTS],
        )
        labels = names.PAGER_INCIDENTS_LABELS
        self._open = telemetry.gauge(names.PAGER_INCIDENTS_OPEN, "Incidents that are open.", labels, _SEVERITIES)
        self._opened = telemetry.counter(names.PAGER_INCIDENTS, "Incidents that were opened.", labels, _SEVERITIES)
        duration = partial(telemetry.histogram, labels=labels, buckets=names.PAGER_BUCKETS, initial=_SEVERITIES)
        self._acknowledge = duration(
            names.PAGER_ACKNOWLEDGE, "From the first notification of an incident to its first acknowledgement."
        )
        self._resolve = duration(names.PAGER_RESOLVE, "From the start of an incident's first alert to its resolution.")
        self._escalations = telemetry.counter(
            names.PAGER_ESCALATIONS, "Escalations to the next level.", labels, _SEVERITIES
        )
        self._remediations = telemetry.counter(
            names.PAGER_REMEDIATIONS,
            "Auto-remediation attempts, by result.",
            names.PAGER_REMEDIATIONS_LABELS,
            initial=[{"action": ACTION, "result": result} for result in REMEDIATION_RESULTS],
        )
        self.rotation_problems = telemetry.gauge(
            names.PAGER_ROTATION_PROBLEMS, "Problems of the rotation; /oncall lists them."
        )
        self._heartbeat = telemetry.gauge(
            names.PAGER_HEARTBEAT, "Unix time of the last heartbeat's evaluation; 0 without one."
        )

    def notification(self, channel: str, result: str) -> None:
        """Count a notification: accepted, repeated or refused."""
        self.telemetry.inc(self._notifications, channel=channel, result=result)

    def replaced_times(self, notification: Notification) -> None:
        """Write a log line about the impossible times of a notification, if there are any."""
        if notification.replaced_times:
            count = notification.replaced_times
            self.telemetry.log(
                "application",
                "notification.times_replaced",
                f"A notification of {notification.alert} of {notification.service} has {count} impossible "
                f"time{'s' if count > 1 else ''}; the time of arrival is used. Check the sender's clock.",
                level="warning",
                logger="pager.incidents",
                alert=notification.alert,
                alert_service=notification.service,
            )

    def open_incidents(self, by_severity: Mapping[str, int]) -> None:
        """Set the number of open incidents."""
        for labels in _SEVERITIES:
            self._open.labels(**labels).set(by_severity.get(labels["severity"], 0))

    def heartbeat(self, at: datetime | None) -> None:
        """Set the time of the last heartbeat."""
        self._heartbeat.set(at.timestamp() if at else 0)

    def opened(self, incident: Incident, outcome: str) -> None:
        """Count and log an opened or reopened incident."""
        if outcome == "opened":
            self.telemetry.inc(self._opened, severity=incident.severity)
        self.log(incident, "opened", outcome, level="warning")

    def acknowledged(self, incident: Incident, first: bool) -> None:
        """Log an acknowledgement, and measure the first one of an incident."""
        if first and incident.acknowledged_at:
            self._observe(self._acknowledge, incident, incident.acknowledged_at - incident.notified_at)
        self.log(incident, "acknowledged", "acknowledged")

    def resolved(self, incident: Incident) -> None:
        """Measure and log a resolution."""
        if incident.resolved_at:
            self._observe(self._resolve, incident, incident.resolved_at - incident.opened_at)
        self.log(incident, "resolved", "resolved")

    def escalated(self, incident: Incident) -> None:
        """Count and log an escalation."""
        self.telemetry.inc(self._escalations, severity=incident.severity)
        level = incident.escalation_level + 1
        self.log(incident, "escalated", f"escalated to level {level}", level="warning")

    def remediated(self, incident: Incident, result: str, text: str) -> None:
        """Count an attempt of auto-remediation, and write its audit line."""
        self.telemetry.inc(self._remediations, action=ACTION, result=result)
        self.telemetry.log(
            "audit",
            "remediation",
            text,
            level="warning" if result in ("done", "failed") else "info",
            logger="pager.remediation",
            action=ACTION,
            result=result,
            incident_id=incident.id,
            alert=incident.alert,
        )

    def _observe(self, histogram: Histogram, incident: Incident, duration: timedelta) -> None:
        self.telemetry.observe(histogram, max(0.0, duration.total_seconds()), severity=incident.severity)

    def log(self, incident: Incident, event: str, action: str, level: str = "info") -> None:
        """Write a log line about an incident, without the names of responders."""
        self.telemetry.log(
            "application",
            f"incident.{event}",
            f"Incident {incident.id} {action}: {incident.alert} of {incident.service}",
            level=level,
            logger="pager.incidents",
            incident_id=incident.id,
            alert=incident.alert,
            severity=incident.severity,
            alert_service=incident.service,
        )
