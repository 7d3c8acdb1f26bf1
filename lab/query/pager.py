"""Client of the pager."""

from dataclasses import dataclass
from typing import Any

from lab.query.http import Server
from lab.query.times import parse_time


@dataclass(frozen=True)
class IncidentEvent:
    """One entry of an incident's timeline; `at` is Unix time in seconds."""

    at: float | None
    event: str
    text: str


@dataclass(frozen=True)
class Incident:
    """An incident: `status` is open or resolved; times are Unix times in seconds.

    `opened_at` is when its alert fired, `notified_at` when the pager received its notification.
    """

    id: str
    alert: str
    severity: str
    service: str
    status: str
    opened_at: float
    notified_at: float
    resolved_at: float | None
    timeline: tuple[IncidentEvent, ...]


class Pager(Server):
    """The pager's HTTP API."""

    def incidents(self) -> list[Incident]:
        """Return the incidents that the pager lists."""
        answer = self.json("GET", "/incidents", headers={"Accept": "application/json"})
        return [_incident(row) for row in answer["incidents"]]


def _incident(row: dict[str, Any]) -> Incident:
    opened_at = parse_time(row["opened_at"]) or 0.0
    return Incident(
        id=str(row["id"]),
        alert=row["alert"],
        severity=row.get("severity") or "",
        service=row.get("service") or "",
        status=row["status"],
        opened_at=opened_at,
        notified_at=parse_time(row.get("notified_at")) or opened_at,
        resolved_at=parse_time(row.get("resolved_at")),
        timeline=tuple(
            IncidentEvent(parse_time(one.get("at")), one.get("event", ""), one.get("text", ""))
            for one in row.get("timeline") or ()
        ),
    )
