"""Alert latency: the time from a fault to its notification by part, and the theoretical minimum of this lab's settings.

Without a fault (a crowd, an intruder) the seconds count from the start of the scenario's users.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from lab.query import Lab
from lab.scenarios.judge.verdict import origin
from lab.scenarios.observe.timeline import Timeline

_MATCHER = re.compile(r"""^\s*"?(?P<name>[\w.]+)"?\s*(?P<how>=~|!~|!=|=)\s*"?(?P<value>.*?)"?\s*$""")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


# Its absence opens an incident in the pager; it has no rule's `for`.
HEARTBEAT = "Watchdog"


@dataclass(frozen=True)
class AlertLatency:
    """The latency of an alert in seconds; None where a part was not observed.

    When it was `pending`, `firing`, `notified` (or `inhibited`) after the fault, and `resolved` after the fault's end.
    The theoretical minimum has parts: `first_failure`, fault to the first failed answer; `crossing`, from there
    until the alert was pending (its window had to cross the threshold, a scrape and an evaluation had to see it); then
    what the settings take: the rule's `for_duration` ("for") and Alertmanager's `group_wait`.
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
    group_wait: float | None

    @property
    def theoretical_minimum(self) -> float | None:
        """The sum of the parts; None where a part is not known, and for an inhibited alert."""
        if self.crossing is None or self.group_wait is None or self.inhibited is not None:
            return None
        return (self.first_failure or 0.0) + self.crossing + self.for_duration + self.group_wait

    def as_dict(self) -> dict[str, Any]:
        """Return the parts and the minimum, rounded to tenths, for the report."""
        parts = {**asdict(self), "theoretical_minimum": self.theoretical_minimum}
        return {key: round(value, 1) if isinstance(value, float) else value for key, value in parts.items()}


def failed_answers(lab: Lab) -> float:
    """Return how many requests have failed since the assistant started, from its own metrics page."""
    text = lab.assistant.request("GET", "/metrics", headers={"Accept": "text/plain"}, timeout=2.0).text
    samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return sum(one.value for one in samples if one.name == "ai_requests_total" and one.labels["outcome"] != "ok")


def measure(
    lab: Lab, timeline: Timeline, alert: str, *, load_ended_at: float | None = None, silence: float = 60.0
) -> AlertLatency | None:
    """Measure an alert's latency from the first fault; None when it was neither notified nor inhibited.

    Args:
        load_ended_at: end of the cause without a fault, Unix time.
        silence: maximum age of a heartbeat in the pager, seconds.
    """
    begin, notified, inhibited = origin(timeline), timeline.first("notified", alert), timeline.first("inhibited", alert)
    ended = notified or inhibited
    if ended is None:
        return None
    resolved, off = timeline.first("resolved", alert), timeline.last("fault off") or load_ended_at

    def since(at: float | None) -> float | None:
        return None if at is None else at - begin

    pending = _last(timeline, "pending", alert, ended)
    failure = timeline.first("first failure", since=begin)
    if failure is not None and pending is not None and failure > pending:
        failure = None  # failed answers are not this alert's cause
    rule = {} if alert == HEARTBEAT else _rule(lab, alert)
    crossing = None if pending is None else pending - (failure or begin)
    for_duration = silence
    group_wait: float | None = 0.0
    if rule:
        for_duration = float(rule["duration"])
        group_wait = _group_wait(lab, {"alertname": alert, **_labels(lab, rule, alert)})
    else:
        # The time counts from the last heartbeat, some seconds before the fault.
        failure, crossing = None, None
    return AlertLatency(
        alert=alert,
        severity=str(rule.get("labels", {}).get("severity", "page")),
        pending=since(pending),
        firing=since(_last(timeline, "firing", alert, ended)),
        notified=since(notified),
        inhibited=since(inhibited) if notified is None else None,
        resolved=None if resolved is None or off is None else max(0.0, resolved - off),
        first_failure=since(failure),
        crossing=crossing,
        for_duration=for_duration,
        group_wait=group_wait,
    )


def _last(timeline: Timeline, kind: str, alert: str, by: float) -> float | None:
    """Return the last such event before `by`: an alert that stopped in between started again."""
    found = [event.at for event in timeline.events if event.kind == kind and event.alert == alert]
    return max((at for at in found if at <= by), default=None)


def _rule(lab: Lab, alert: str) -> dict[str, Any]:
    """Return the rule of that name, of Prometheus or of Loki's ruler.

    Raises:
        KeyError: there is none.
    """
    found = [rule for rule in lab.prometheus.rules(alert) if rule.get("type") == "alerting"]
    found = found or [rule for rule in lab.loki.rules(alert) if rule.get("type") == "alerting"]
    if not found:
        raise KeyError(alert)
    return found[0]


def _labels(lab: Lab, rule: dict[str, Any], alert: str) -> dict[str, str]:
    """Return the labels with which the alert was routed: those it was seen with, else the rule's own."""
    for sample in lab.prometheus.query(f'last_over_time(ALERTS{{alertname="{alert}",alertstate="firing"}}[15m])'):
        return sample.labels
    return dict(rule.get("labels", {}))


def _group_wait(lab: Lab, labels: dict[str, str]) -> float | None:
    text = lab.alertmanager.json("GET", "/api/v2/status")["config"]["original"]
    return route_group_wait(yaml.safe_load(text)["route"], labels)


def route_group_wait(route: dict[str, Any], labels: dict[str, str], inherited: str = "30s") -> float:
    """Walk Alertmanager's routing tree with an alert's labels and return the group wait it meets, in seconds."""
    own = route.get("group_wait", inherited)
    for child in route.get("routes") or ():
        if all(matches(matcher, labels) for matcher in child.get("matchers") or ()):
            return route_group_wait(child, labels, own)
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h|d)", own))


def matches(matcher: str, labels: dict[str, str]) -> bool:
    """Return whether a matcher of Alertmanager matches an alert's labels."""
    found = _MATCHER.match(matcher)
    if not found:
        return False
    value = labels.get(found["name"], "")
    pattern = found["value"] if "~" in found["how"] else re.escape(found["value"])
    return (re.fullmatch(pattern, value) is not None) != found["how"].startswith("!")
