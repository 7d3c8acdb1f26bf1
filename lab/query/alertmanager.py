"""Client of Alertmanager."""

from dataclasses import dataclass

from lab.query.http import Server
from lab.query.times import parse_time


@dataclass(frozen=True)
class NotifiedAlert:
    """An alert in Alertmanager: `state` is active, suppressed or unprocessed; times are Unix times."""

    name: str
    state: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: float | None
    ends_at: float | None
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]
    receivers: tuple[str, ...]


class Alertmanager(Server):
    """Alertmanager's HTTP API."""

    ready_path = "/-/ready"

    def alerts(self) -> list[NotifiedAlert]:
        """Return the alerts of Alertmanager, silenced and inhibited ones too."""
        return [
            NotifiedAlert(
                name=row["labels"].get("alertname", ""),
                state=row["status"]["state"],
                labels=row["labels"],
                annotations=row.get("annotations", {}),
                starts_at=parse_time(row.get("startsAt")),
                ends_at=parse_time(row.get("endsAt")),
                silenced_by=tuple(row["status"].get("silencedBy", ())),
                inhibited_by=tuple(row["status"].get("inhibitedBy", ())),
                receivers=tuple(receiver["name"] for receiver in row.get("receivers", ())),
            )
            for row in self.json("GET", "/api/v2/alerts")
        ]
