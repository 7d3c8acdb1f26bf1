"""Follows alerts from the rules of Prometheus and Loki to the pager during a run."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from lab.query import Incident, Lab, NotifiedAlert, QueryError, RuleAlert
from lab.scenarios.observe.timeline import Event
from loadtest.scenarios.declaration import Effect

# An alert that is there so that its absence can be noticed is not news.
_HEARTBEAT = "none"
_NO_SERVICE = "no service"


@dataclass(frozen=True)
class Baseline:
    """What was known before the run and is not of its making.

    `incidents` are known to the pager already, `open` are alert and service of those not resolved; `alerts` are pending
    or firing in Prometheus, `log_alerts` in Loki; `already_true` are effects that could be seen already.
    """

    incidents: frozenset[str]
    alerts: tuple[RuleAlert, ...]
    already_true: tuple[Effect, ...] = ()
    log_alerts: tuple[RuleAlert, ...] = ()
    open: frozenset[tuple[str, str]] = frozenset()

    @property
    def active_alerts(self) -> frozenset[str]:
        """The names of all alerts that are there."""
        return frozenset(name for name, _ in self._with_services())

    def active_for(self, services: Collection[str]) -> frozenset[str]:
        """Return the names of the alerts of one of these services, or of none."""
        return frozenset(name for name, service in self._with_services() if service in (*services, _NO_SERVICE))

    def _with_services(self) -> frozenset[tuple[str, str]]:
        return self.open | {(alert.name, _service(alert)) for alert in (*self.alerts, *self.log_alerts)}


def capture_baseline(lab: Lab) -> Baseline:
    """Remember the incidents that are open and the alerts that are pending or firing."""
    incidents = lab.pager.incidents()
    try:
        log_alerts = lab.loki.alerts()
    except QueryError:  # who needs it says so
        log_alerts = []
    return Baseline(
        frozenset(_key(one) for one in incidents),
        tuple(_real(lab.prometheus.alerts())),
        log_alerts=tuple(_real(log_alerts)),
        open=frozenset((one.alert, one.service) for one in incidents if one.status != "resolved"),
    )


@dataclass
class AlertWatch:
    """Turns what Prometheus, Loki, Alertmanager and the pager say now into the events that are new."""

    before: Baseline
    _in_prometheus: dict[str, str] = field(default_factory=dict)
    _in_loki: dict[str, str] = field(default_factory=dict)
    _inhibited: set[str] = field(default_factory=set)
    _open: set[str] = field(default_factory=set)
    _closed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._in_prometheus |= {_series(alert): alert.state for alert in self.before.alerts}
        self._in_loki |= {_series(alert): alert.state for alert in self.before.log_alerts}

    def prometheus(self, alerts: list[RuleAlert], now: float) -> Iterator[Event]:
        """Yield what changed in Prometheus."""
        yield from self._changes(self._in_prometheus, "Prometheus", alerts, now)

    def loki(self, alerts: list[RuleAlert], now: float) -> Iterator[Event]:
        """Yield what changed in Loki's ruler."""
        yield from self._changes(self._in_loki, "Loki", alerts, now)

    def alertmanager(self, alerts: list[NotifiedAlert], names: tuple[str, ...], now: float) -> Iterator[Event]:
        """Yield which of the named alerts are inhibited now, each once."""
        for alert in alerts:
            if alert.name in names and alert.inhibited_by and alert.name not in self._inhibited:
                self._inhibited.add(alert.name)
                service = alert.labels.get("service", _NO_SERVICE)
                yield Event(now, "inhibited", f"{alert.name} ({service}): inhibited by another alert", alert.name)

    @staticmethod
    def _changes(states: dict[str, str], where: str, alerts: list[RuleAlert], now: float) -> Iterator[Event]:
        seen = {_series(alert): alert for alert in _real(alerts)}
        for series, alert in seen.items():
            was = states.get(series)
            if was is None:
                yield Event(alert.active_at or now, "pending", f"{alert.name} ({_service(alert)})", alert.name)
            if alert.state == "firing" and was != "firing":
                yield Event(now, "firing", f"{alert.name} ({_service(alert)})", alert.name)
        for series, state in states.items():
            if series not in seen and state == "firing":
                name = series.split("\n", 1)[0]
                yield Event(now, "cleared", f"{name} no longer holds in {where}", name)
        states.clear()
        states.update((series, alert.state) for series, alert in seen.items())

    def pager(self, incidents: list[Incident]) -> Iterator[Event]:
        """Yield the incidents that were opened or resolved since the run began."""
        for one in incidents:
            key = _key(one)
            if key in self.before.incidents:
                continue
            if key not in self._open:
                self._open.add(key)
                yield Event(one.notified_at, "notified", f"incident {one.id}: {one.alert} ({one.severity})", one.alert)
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
    return alert.labels.get("service", _NO_SERVICE)


def _key(incident: Incident) -> str:
    # An incident that is opened again after it was resolved is a new page.
    return f"{incident.id}@{incident.opened_at}"
