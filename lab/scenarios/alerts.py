"""Follows alerts from Prometheus to the pager during a run."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.query import Incident, Lab, RuleAlert
from lab.scenarios.timeline import Event
from loadtest.scenario import Effect

# An alert that is there so that its absence can be noticed is not news.
_HEARTBEAT = "none"


@dataclass(frozen=True)
class Before:
    """What was known before the run and is not of its making; `holding` are effects that could be seen already."""

    incidents: frozenset[str]
    alerts: tuple[RuleAlert, ...]
    holding: tuple[Effect, ...] = ()


def look_before(lab: Lab) -> Before:
    """Remember the incidents that are open and the alerts that are pending or firing."""
    incidents = frozenset(_key(one) for one in lab.pager.incidents())
    return Before(incidents, tuple(_real(lab.prometheus.alerts())))


@dataclass
class AlertWatch:
    """Turns what Prometheus and the pager say now into the events that are new."""

    before: Before
    _states: dict[str, str] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _closed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for alert in self.before.alerts:
            self._states[_series(alert)] = alert.state

    def prometheus(self, alerts: list[RuleAlert], now: float) -> Iterator[Event]:
        """Yield what changed in Prometheus."""
        seen = {_series(alert): alert for alert in _real(alerts)}
        for series, alert in seen.items():
            was = self._states.get(series)
            if was is None:
                yield Event(alert.active_at or now, "pending", f"{alert.name} ({_service(alert)})", alert.name)
            if alert.state == "firing" and was != "firing":
                yield Event(now, "firing", f"{alert.name} ({_service(alert)})", alert.name)
        for series, state in self._states.items():
            if series not in seen and state == "firing":
                name = series.split("\n", 1)[0]
                yield Event(now, "cleared", f"{name} no longer holds in Prometheus", name)
        self._states = {series: alert.state for series, alert in seen.items()}

    def pager(self, incidents: list[Incident]) -> Iterator[Event]:
        """Yield the incidents that were opened or resolved since the run began."""
        for one in incidents:
            key = _key(one)
            if key in self.before.incidents:
                continue
            if key not in self._open:
                self._open.add(key)
                yield Event(one.notified_at, "paged", f"incident {one.id}: {one.alert} ({one.severity})", one.alert)
            if one.status == "resolved" and key not in self._closed:
                self._closed.add(key)
                yield Event(
                    one.resolved_at or one.notified_at, "resolved", f"incident {one.id}: {one.alert}", one.alert
                )


def _real(alerts: list[RuleAlert]) -> list[RuleAlert]:
    return [alert for alert in alerts if alert.labels.get("severity") != _HEARTBEAT]


def _series(alert: RuleAlert) -> str:
    return "\n".join([alert.name, *(f"{key}={value}" for key, value in sorted(alert.labels.items()))])


def _service(alert: RuleAlert) -> str:
    return alert.labels.get("service", "no service")


def _key(incident: Incident) -> str:
    # An incident that is opened again after it was resolved is a new page.
    return f"{incident.id}@{incident.opened_at}"
