"""Incidents as JSON: times are RFC 3339 in UTC."""

from datetime import datetime
from typing import Any

from services.pager.model.tables import Event, Incident
from services.web.times import format_rfc3339


def as_json(incident: Incident) -> dict[str, Any]:
    """Return an incident with its timeline, oldest entry first."""
    return {
        "id": incident.id,
        "alert": incident.alert,
        "severity": incident.severity,
        "service": incident.service,
        "receiver": incident.receiver,
        "status": "open" if incident.is_open else "resolved",
        "summary": incident.summary,
        "description": incident.description,
        "links": incident.links,
        "notifications": incident.notifications,
        "opened_at": format_rfc3339(incident.opened_at),
        "notified_at": format_rfc3339(incident.notified_at),
        "acknowledged_at": _or_none(incident.acknowledged_at),
        "acknowledged_by": incident.acknowledged_by,
        "responder": incident.responder,
        "escalation_level": incident.escalation_level,
        "next_escalation_at": _or_none(incident.next_escalation_at),
        "silence": _silence(incident),
        "remediation": incident.remediation,
        "resolved_at": _or_none(incident.resolved_at),
        "resolved_by": incident.resolved_by,
        "timeline": [_line(line) for line in sorted(incident.timeline, key=lambda line: (line.at, line.id))],
    }


def _or_none(moment: datetime | None) -> str | None:
    return None if moment is None else format_rfc3339(moment)


def _silence(incident: Incident) -> dict[str, str | None] | None:
    if incident.silence_id is None or incident.silence_until is None:
        return None
    return {"id": incident.silence_id, "until": format_rfc3339(incident.silence_until), "by": incident.silence_by}


def _line(line: Event) -> dict[str, str]:
    document = {"at": format_rfc3339(line.at), "event": line.event, "text": line.text}
    return {**document, "by": line.by} if line.by else document
