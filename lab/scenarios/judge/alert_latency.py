"""Alert latency: the seconds from a fault to its notification by part, and their theoretical minimum.

Without a fault (more users, an intruder) they count from the start of the run.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from lab.query import Lab
from lab.scenarios.observe.timeline import Timeline

_MATCHER = re.compile(r"""^\s*"?(?P<name>[\w.]+)"?\s*(?P<how>=~|!~|!=|=)\s*"?(?P<value>.*?)"?\s*$""")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# The pager opens an incident in its absence; its latency has no rule's `for`.
HEARTBEAT = "Watchdog"


@dataclass(frozen=True)
class AlertLatency:
    """The latency of an alert in seconds; None where a part was not observed.

    `pending`, `firing`, `notified` and `inhibited` count from the fault, `resolved` from the end of the fault. The
    parts of the theoretical minimum: `first_failure`, from the fault to the first failed response; `crossing`, from
    there to pending (the window crosses the threshold, a scrape, an evaluation); then the settings, the rule's
    `for_duration` and Alertmanager's `group_wait`.
    """

    alert: str
    severity: str
    pending: float | None
    firing: float | None
    notified: float | None
    inhibited: float | None
    resolved: float | None
    first_failure: float | None
    crossing: float | None
    for_duration: float
    group_wait: float

    @property
    def theoretical_minimum(self) -> float | None:
        """Return the sum of the parts; None where a part is unknown, and for an inhibited alert."""
        if self.crossing is None or self.inhibited is not None:
            return None
        return (self.first_failure or 0.0) + self.crossing + self.for_duration + self.group_wait

    def as_dict(self) -> dict[str, Any]:
        """Return the parts and the minimum, rounded to tenths, for the report."""
        parts = {**asdict(self), "theoretical_minimum": self.theoretical_minimum}
        return {key: round(value, 1) if isinstance(value, float) else value for key, value in parts.items()}


def measure(
    lab: Lab, timeline: Timeline, alert: str, *, load_ended_at: float | None = None, silence: float = 60.0
) -> AlertLatency | None:
    """Return an alert's latency from the first fault; None when it was neither notified nor inhibited.

    Args:
        lab: the lab with the rules and routes of the alert.
        timeline: the timeline of the run.
        alert: the name of the alert.
        load_ended_at: end of the load of a run without faults, Unix time.
        silence: maximum age of a heartbeat in the pager, seconds.

    Raises:
        QueryError: a server did not respond.
        KeyError: there is no such rule.
    """
    record = timeline.alert(alert)
    if record.reached_at is None:
        return None
    ended_at = timeline.last("fault off") or load_ended_at
    failure_at = timeline.first("first failure")
    crossing: float | None = None
    rule: dict[str, Any] = {}
    for_duration, group_wait = silence, 0.0
    if alert == HEARTBEAT:
        # The silence counts from the last heartbeat, some seconds before the fault.
        failure_at = None
    else:
        rule = _rule(lab, alert)
        for_duration = float(rule["duration"])
        labels = {"alertname": alert, **_labels(lab, rule, alert)}
        group_wait = route_group_wait(alertmanager_config(lab)["route"], labels)
        if record.pending_at is not None:
            if failure_at is not None and failure_at > record.pending_at:
                failure_at = None  # failed responses are not the cause of this alert
            crossing = record.pending_at - (failure_at or timeline.origin)

    def seconds(at: float | None, since: float | None = timeline.origin) -> float | None:
        return None if at is None or since is None else at - since

    resolved = seconds(record.resolved_at, ended_at)
    return AlertLatency(
        alert=alert,
        severity=str(rule.get("labels", {}).get("severity", "page")),
        pending=seconds(record.pending_at),
        firing=seconds(record.firing_at),
        notified=seconds(record.notified_at),
        inhibited=seconds(record.inhibited_at) if record.notified_at is None else None,
        resolved=None if resolved is None else max(0.0, resolved),
        first_failure=seconds(failure_at),
        crossing=crossing,
        for_duration=for_duration,
        group_wait=group_wait,
    )


def _rule(lab: Lab, alert: str) -> dict[str, Any]:
    """Return the alerting rule of that name, of Prometheus or of Loki's ruler; KeyError without one."""
    for server in (lab.prometheus, lab.loki):
        for rule in server.rules(alert):
            if rule.get("type") == "alerting":
                return rule
    raise KeyError(alert)


def _labels(lab: Lab, rule: dict[str, Any], alert: str) -> dict[str, str]:
    """Return the labels by which Alertmanager routed the alert: those of its series, else those of its rule."""
    for sample in lab.prometheus.query(f'last_over_time(ALERTS{{alertname="{alert}",alertstate="firing"}}[15m])'):
        return sample.labels
    return dict(rule.get("labels", {}))


def alertmanager_config(lab: Lab) -> dict[str, Any]:
    """Return the running configuration of Alertmanager.

    Raises:
        QueryError: Alertmanager did not respond.
    """
    return dict(yaml.safe_load(lab.alertmanager.json("GET", "/api/v2/status")["config"]["original"]))


def route_group_wait(route: dict[str, Any], labels: dict[str, str], inherited: str = "30s") -> float:
    """Return the `group_wait` of the route that matches an alert's labels, in seconds.

    amtool can test routes too, but it is not installed where the lab runs in containers.
    """
    own = route.get("group_wait", inherited)
    for child in route.get("routes") or ():
        if all(matches(matcher, labels) for matcher in child.get("matchers") or ()):
            return route_group_wait(child, labels, own)
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h|d)", own))


def matches(matcher: str, labels: dict[str, str]) -> bool:
    """Return whether a matcher of Alertmanager's configuration matches an alert's labels."""
    found = _MATCHER.match(matcher)
    if not found:
        return False
    value = labels.get(found["name"], "")
    pattern = found["value"] if "~" in found["how"] else re.escape(found["value"])
    return (re.fullmatch(pattern, value) is not None) != found["how"].startswith("!")
