"""The pager's metrics, and a log line for everything that changes an incident."""

from collections.abc import Mapping
from datetime import datetime

from services.pager.tables import Incident
from services.telemetry import Telemetry, names

CHANNELS = ("webhook", "mail")
RESULTS = ("accepted", "repeated", "refused")
ACTION = "restart-assistant"
REMEDIATION_RESULTS = ("dry_run", "done", "failed", "limited")
# What can have an incident; the heartbeat's severity cannot.
_SEVERITIES = [{"severity": "page"}, {"severity": "ticket"}]


class Instruments:
    """Counts and tells. Call it when the database has taken the change."""

    def __init__(self, telemetry: Telemetry, url: str = "") -> None:
        self.telemetry = telemetry
        if url:
            address = telemetry.gauge(names.PAGER_ADDRESS, "Where browsers find the pager.", names.PAGER_ADDRESS_LABELS)
            address.labels(url=url).set(1)
        self._notifications = telemetry.counter(
            names.PAGER_NOTIFICATIONS,
            "Notices received, by what came of them.",
            names.PAGER_NOTIFICATIONS_LABELS,
            initial=[{"channel": channel, "result": result} for channel in CHANNELS for result in RESULTS],
        )
        labels = names.PAGER_INCIDENTS_LABELS
        self._open = telemetry.gauge(names.PAGER_INCIDENTS_OPEN, "Incidents that are open.", labels, _SEVERITIES)
        self._opened = telemetry.counter(names.PAGER_INCIDENTS, "Incidents that were opened.", labels, _SEVERITIES)
        self._acknowledge = telemetry.histogram(
            names.PAGER_ACKNOWLEDGE,
            "From the pager's first word of an incident to its first acknowledgement.",
            labels,
            names.PAGER_BUCKETS,
            _SEVERITIES,
        )
        self._resolve = telemetry.histogram(
            names.PAGER_RESOLVE,
            "From the moment an incident's first alert fired to its resolution.",
            labels,
            names.PAGER_BUCKETS,
            _SEVERITIES,
        )
        self._escalations = telemetry.counter(
            names.PAGER_ESCALATIONS, "Times that a next level was paged.", labels, _SEVERITIES
        )
        self._remediations = telemetry.counter(
            names.PAGER_REMEDIATIONS,
            "What the pager did, or would have done, by itself.",
            names.PAGER_REMEDIATIONS_LABELS,
            initial=[{"action": ACTION, "result": result} for result in REMEDIATION_RESULTS],
        )
        self.rotation_problems = telemetry.gauge(
            names.PAGER_ROTATION_PROBLEMS, "What is wrong with the rotation; each is told at /oncall."
        )
        self._heard = telemetry.gauge(
            names.PAGER_HEARTBEAT, "When the alert that always fires was last heard, in Unix seconds; 0 when never."
        )

    def notification(self, channel: str, result: str) -> None:
        """A notice came: accepted, repeated or refused."""
        self.telemetry.inc(self._notifications, channel=channel, result=result)

    def open_incidents(self, by_severity: Mapping[str, int]) -> None:
        """So many are open now."""
        for severity, count in by_severity.items():
            self._open.labels(severity=severity).set(count)

    def heard(self, at: datetime | None) -> None:
        """The heartbeat was heard then."""
        self._heard.set(at.timestamp() if at else 0)

    def opened(self, incident: Incident, outcome: str) -> None:
        """An incident was opened, or opened again."""
        if outcome == "opened":
            self.telemetry.inc(self._opened, severity=incident.severity)
        self.tell(incident, "opened", outcome, level="warning")

    def acknowledged(self, incident: Incident, first: bool) -> None:
        """Somebody has taken it; the first time of an incident is measured."""
        if first and incident.acknowledged_at:
            seconds = (incident.acknowledged_at - incident.notified_at).total_seconds()
            self.telemetry.observe(self._acknowledge, max(0.0, seconds), severity=incident.severity)
        self.tell(incident, "acknowledged", "acknowledged")

    def resolved(self, incident: Incident) -> None:
        """It is over."""
        if incident.resolved_at:
            seconds = (incident.resolved_at - incident.opened_at).total_seconds()
            self.telemetry.observe(self._resolve, max(0.0, seconds), severity=incident.severity)
        self.tell(incident, "resolved", "resolved")

    def escalated(self, incident: Incident) -> None:
        """The next level was paged."""
        self.telemetry.inc(self._escalations, severity=incident.severity)
        level = incident.escalation_level + 1
        self.tell(incident, "escalated", f"escalated to level {level}", level="warning")

    def remediated(self, incident: Incident, result: str, text: str) -> None:
        """The pager did something by itself, or would have: an audit line, whatever came of it."""
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

    def tell(self, incident: Incident, event: str, did: str, level: str = "info") -> None:
        """One log line about an incident. Never the names that people sign with: those stand in the timeline."""
        self.telemetry.log(
            "application",
            f"incident.{event}",
            f"Incident {incident.id} {did}: {incident.alert} of {incident.service}",
            level=level,
            logger="pager.incidents",
            incident_id=incident.id,
            alert=incident.alert,
            severity=incident.severity,
            alert_service=incident.service,
        )
