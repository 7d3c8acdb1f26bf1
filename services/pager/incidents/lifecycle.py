"""The lifecycle of one incident: a notification opens it, updates it, resolves it, reopens it."""

from datetime import datetime

from services.pager.model.notification import SEVERITIES, Alert, Notification
from services.pager.model.tables import Incident
from services.pager.model.timeline import MAX_ALERTS, MAX_REPEATS, add_entry, count, format_labels, serialize
from services.pager.oncall.escalation import Escalation

_SOURCES = {
    "webhook": "Alertmanager (webhook)",
    "grafana": "Grafana (webhook)",
    "mail": "Alertmanager (email)",
    "pager": "the pager",
}


def open_incident(notification: Notification, escalation: Escalation) -> Incident:
    """Return a new incident, with the first level paged."""
    received_at = notification.received_at
    opened_at = min((one.started_at for one in notification.alerts if one.ended_at is None), default=received_at)
    incident = Incident(
        group_key=notification.key,
        alert=notification.alert,
        severity=notification.severity,
        service=notification.service,
        receiver=notification.receiver,
        summary=notification.summary,
        description=notification.description,
        links=dict(notification.links),
        alerts=serialize(notification.alerts, notification.channel),
        opened_at=opened_at,
        notified_at=received_at,
        resolved_at=None,
        notifications=1,
    )
    add_entry(incident, opened_at, "fired", notification.summary or notification.alert)
    delay = (received_at - opened_at).total_seconds()
    alerts = len(notification.alerts) + notification.truncated
    paged = escalation.page_first_level(incident, received_at)
    text = (
        f"Notification received from {_SOURCES[notification.channel]} {delay:.0f} s after the alert fired "
        f"(receiver {notification.receiver}, {alerts} alert{'s' if alerts > 1 else ''}); {paged}"
    )
    add_entry(incident, received_at, "notified", text)
    return incident


def reopen(incident: Incident, notification: Notification, escalation: Escalation) -> None:
    """Reopen an incident whose alert still fires: it was resolved by hand, or because notifications were missing."""
    by, incident.resolved_by = incident.resolved_by, None
    incident.resolved_at = None
    incident.alerts = serialize(notification.alerts, notification.channel)
    incident.notifications += 1
    text = f"Still firing: {notification.summary}"
    if by is not None or incident.acknowledged_at is None:
        # The responder who resolved it no longer works on it.
        text += f"; {escalation.page_first_level(incident, notification.received_at)}"
    add_entry(incident, notification.received_at, "reopened", text, always=True)


def update(incident: Incident, notification: Notification, escalation: Escalation) -> bool:
    """Apply a further notification of an open incident; return whether an alert fired or resolved."""
    incident.notifications += 1
    # The webhook has more details than a mail: it replaces alerts that only a mail had.
    known = {key: one for key, one in incident.alerts.items() if one.get("channel") != "mail"}
    only_mailed = len(known) < len(incident.alerts)
    _raise_severity(incident, notification, escalation)
    changed = False
    for alert in notification.alerts:
        was_firing = alert.fingerprint in known and known[alert.fingerprint]["ended_at"] is None
        if alert.ended_at is None and not was_firing and not only_mailed:
            add_entry(incident, alert.started_at, "fired", f"Also: {format_labels(alert.labels)}")
            changed = True
        elif alert.ended_at is not None and was_firing:
            add_entry(incident, alert.ended_at, "recovered", format_labels(alert.labels))
            changed = True
    merged = {**known, **serialize(notification.alerts, notification.channel)}
    incident.alerts = dict(list(merged.items())[-MAX_ALERTS:])
    if not changed and count(incident, "repeated") < MAX_REPEATS:
        text = f"Still firing, notification number {incident.notifications}"
        add_entry(incident, notification.received_at, "repeated", text)
    return changed


def record_mail(incident: Incident, notification: Notification) -> bool:
    """Record that the mail of the incident arrived; return False when one has before."""
    if count(incident, "mailed"):
        return False
    text = f"Notification received by email: {notification.summary or notification.alert}"
    add_entry(incident, notification.received_at, "mailed", text)
    return True


def resolve(incident: Incident, at: datetime, text: str, by: str | None = None) -> None:
    """Resolve the incident and stop its escalation."""
    incident.resolved_at = max(at, incident.opened_at)
    incident.resolved_by = by
    incident.next_escalation_at = None
    add_entry(incident, incident.resolved_at, "resolved", text, by, always=True)


def resolve_by_notification(incident: Incident, notification: Notification) -> None:
    """Resolve the incident at the time of its last alert's end."""
    ended_at = max((one.ended_at for one in notification.alerts if one.ended_at), default=notification.received_at)
    incident.notifications += 1
    incident.alerts = {**incident.alerts, **serialize(notification.alerts, notification.channel)}
    duration = max(0.0, (ended_at - incident.opened_at).total_seconds())
    cause = notification.summary if notification.channel == "pager" else "All alerts of the group resolved"
    resolve(incident, ended_at, f"{cause}, after {duration:.0f} s")


def is_same_firing(incident: Incident, notification: Notification) -> bool:
    """Return whether a firing notification has an alert of this incident, firing since the same moment."""
    return any(one.ended_at is None and _started_at(incident, one) == one.started_at for one in notification.alerts)


def started_before_resolution(incident: Incident, notification: Notification) -> bool:
    """Return whether all alerts of a notification started before this resolved incident was resolved."""
    end = incident.resolved_at
    return end is not None and all(alert.started_at <= end for alert in notification.alerts)


def is_stale(incident: Incident, notification: Notification) -> bool:
    """Return whether a "resolved" ends an older firing than the incident holds: it arrived late."""
    ends = [(alert, alert.ended_at) for alert in notification.alerts if alert.ended_at is not None]
    if ends and all(ended_at < incident.opened_at for _, ended_at in ends):
        return True
    for alert, ended_at in ends:
        started_at = _started_at(incident, alert)
        if started_at and incident.alerts[alert.fingerprint]["ended_at"] is None and ended_at < started_at:
            return True
    return False


def _raise_severity(incident: Incident, notification: Notification, escalation: Escalation) -> None:
    """Page for a ticket that becomes a page."""
    urgent = min(incident.severity, notification.severity, key=SEVERITIES.index)
    if urgent != incident.severity:
        incident.severity = urgent
        escalation.start_deadline(incident, notification.received_at)


def _started_at(incident: Incident, alert: Alert) -> datetime | None:
    """Return when the incident's alert of this fingerprint started; None without one."""
    known = incident.alerts.get(alert.fingerprint)
    return datetime.fromisoformat(known["started_at"]) if known else None
