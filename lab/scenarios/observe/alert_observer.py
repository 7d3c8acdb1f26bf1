"""Observes alerts in Prometheus, Loki, Alertmanager and the pager during a run."""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lab.query import Incident, Lab, NotifiedAlert, QueryError, RuleAlert
from lab.scenarios.observe.timeline import Event
from loadtest.scenarios.declaration import Effect

# The severity of the heartbeat, which always fires.
_HEARTBEAT_SEVERITY = "none"
_NO_SERVICE = "no service"


@dataclass(frozen=True)
class Baseline:
    """The state before a run.

    `incidents` are the keys of the pager's incidents, `open` alert and service of those that are not resolved. `alerts`
    are pending or firing in Prometheus, `log_alerts` in Loki. `already_true` are effects that were true.
    """

    incidents: frozenset[str]
    alerts: tuple[RuleAlert, ...]
    already_true: tuple[Effect, ...] = ()
    log_alerts: tuple[RuleAlert, ...] = ()
    open: frozenset[tuple[str, str]] = frozenset()

    @property
    def active_alerts(self) -> frozenset[str]:
        """Return the names of the alerts that are pending, firing or not resolved."""
        return frozenset(name for name, _ in self._with_services())

    def active_for(self, services: Collection[str]) -> frozenset[str]:
        """Return the names of the active alerts of these services, and of those without a service."""
        return frozenset(name for name, service in self._with_services() if service in (*services, _NO_SERVICE))

    def _with_services(self) -> frozenset[tuple[str, str]]:
        return self.open | {(alert.name, _service(alert)) for alert in (*self.alerts, *self.log_alerts)}


def capture_baseline(lab: Lab) -> Baseline:
    """Return the current incidents and alerts.

    Raises:
        QueryError: Prometheus or the pager did not respond.
    """
    incidents = lab.pager.incidents()
    log_alerts: list[RuleAlert] = []
    with contextlib.suppress(QueryError):  # the preflight reports a Loki that is needed
        log_alerts = lab.loki.alerts()
    return Baseline(
        frozenset(_key(one) for one in incidents),
        tuple(_without_heartbeat(lab.prometheus.alerts())),
        log_alerts=tuple(_without_heartbeat(log_alerts)),
        open=frozenset((one.alert, one.service) for one in incidents if one.status != "resolved"),
    )


class AlertObserver:
    """Compares the current alerts and incidents with the previous ones and yields the changes as events."""

    def __init__(self, baseline: Baseline) -> None:
        # The state of each series by server.
        self._states: dict[str, dict[str, str]] = {
            "Prometheus": {_series(alert): alert.state for alert in baseline.alerts},
            "Loki": {_series(alert): alert.state for alert in baseline.log_alerts},
        }
        self._inhibited: set[str] = set()
        self._before = baseline.incidents
        self._opened: set[str] = set()
        self._resolved: set[str] = set()

    def rule_alerts(self, server: str, alerts: list[RuleAlert], now: float) -> Iterator[Event]:
        """Yield the changes in the rules of `server`, Prometheus or Loki."""
        states, current = self._states[server], {_series(alert): alert for alert in _without_heartbeat(alerts)}
        for series, alert in current.items():
            text = f"{alert.name} ({_service(alert)})"
            if series not in states:
                yield Event(alert.active_at or now, "pending", text, alert.name)
            if alert.state == "firing" and states.get(series) != "firing":
                yield Event(now, "firing", text, alert.name)
        for series, state in states.items():
            if series not in current and state == "firing":
                name = series.split("\n", 1)[0]
                yield Event(now, "cleared", f"{name} no longer holds in {server}", name)
        self._states[server] = {series: alert.state for series, alert in current.items()}

    def alertmanager(self, alerts: list[NotifiedAlert], names: tuple[str, ...], now: float) -> Iterator[Event]:
        """Yield each of the named alerts once, when it is inhibited."""
        for alert in alerts:
            if alert.name in names and alert.inhibited_by and alert.name not in self._inhibited:
                self._inhibited.add(alert.name)
                service = alert.labels.get("service", _NO_SERVICE)
                yield Event(now, "inhibited", f"{alert.name} ({service}): inhibited by another alert", alert.name)

    def pager(self, incidents: list[Incident]) -> Iterator[Event]:
        """Yield the incidents that were opened or resolved in the run."""
        for one in incidents:
            key, text = _key(one), f"incident {one.id}: {one.alert}"
            if key in self._before:
                continue
            if key not in self._opened:
                self._opened.add(key)
                yield Event(one.notified_at, "notified", f"{text} ({one.severity})", one.alert)
            if one.status == "resolved" and key not in self._resolved:
                self._resolved.add(key)
                yield Event(one.resolved_at or one.notified_at, "resolved", text, one.alert)


def _without_heartbeat(alerts: list[RuleAlert]) -> list[RuleAlert]:
    return [alert for alert in alerts if alert.labels.get("severity") != _HEARTBEAT_SEVERITY]


def _series(alert: RuleAlert) -> str:
    return "\n".join([alert.name, *(f"{key}={value}" for key, value in sorted(alert.labels.items()))])


def _service(alert: RuleAlert) -> str:
    return alert.labels.get("service", _NO_SERVICE)


def _key(incident: Incident) -> str:
    # An incident that is opened again after its resolution is a new notification.
    return f"{incident.id}@{incident.opened_at}"
