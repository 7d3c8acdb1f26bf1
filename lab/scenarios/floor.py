"""Where the time from a fault to its page goes, and how short it could be with the settings of this lab.

Without a fault (a crowd, an intruder) the seconds count from the moment when the scenario's users begin.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from lab.query import Lab
from lab.scenarios.timeline import Timeline
from lab.scenarios.verdict import origin

_SERIES = re.compile(r"^ai_requests_total\{([^}]*)\}\s+(\S+)", re.MULTILINE)
_MATCHER = re.compile(r"""^\s*"?(?P<name>[\w.]+)"?\s*(?P<how>=~|!~|!=|=)\s*"?(?P<value>.*?)"?\s*$""")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


# The alert that is missed when it does not come; no rule tells of it, the pager does.
HEARTBEAT = "Watchdog"


@dataclass(frozen=True)
class Way:
    """The way of an alert from the fault to the pager and back, in seconds; None where a part could not be seen.

    When it was `pending`, `firing`, `paged` (or `held_back` by another alert) after the fault, and `resolved` after the
    fault's end. The floor is made of parts: `first_failure`, fault to the first failed answer; `crossing`, from there
    until the alert was pending (its window had to cross the threshold, a scrape and an evaluation had to see it); then
    what the settings take: the rule's `hold` ("for") and Alertmanager's `group_wait`.
    """

    alert: str
    severity: str
    pending: float | None
    firing: float | None
    paged: float | None
    held_back: float | None
    resolved: float | None
    first_failure: float | None
    crossing: float | None
    hold: float
    group_wait: float | None

    @property
    def floor(self) -> float | None:
        """The sum of the parts; None where a part is not known, and for what nobody was to be told of."""
        if self.crossing is None or self.group_wait is None or self.held_back is not None:
            return None
        return (self.first_failure or 0.0) + self.crossing + self.hold + self.group_wait

    def as_dict(self) -> dict[str, Any]:
        """Return the parts and the floor, rounded to tenths, for the report."""
        parts = {**asdict(self), "floor": self.floor}
        return {key: round(value, 1) if isinstance(value, float) else value for key, value in parts.items()}


def failed_answers(lab: Lab) -> float:
    """Return how many requests have failed since the assistant started, from its own metrics page."""
    text = lab.assistant.request("GET", "/metrics", headers={"Accept": "text/plain"}, timeout=2.0).text
    return sum(float(value) for labels, value in _SERIES.findall(text) if 'outcome="ok"' not in labels)


def measure(
    lab: Lab, timeline: Timeline, alert: str, *, calm: float | None = None, silence: float = 60.0
) -> Way | None:
    """Take the way from the first fault to that alert's page apart; None when nobody was told and nothing held it back.

    `calm` is the Unix time at which the cause ended where there was no fault, `silence` how many seconds the pager
    waits for the heartbeat.
    """
    begin, paged, held_back = origin(timeline), timeline.first("paged", alert), timeline.first("held back", alert)
    told = paged or held_back
    if told is None:
        return None
    resolved, off = timeline.first("resolved", alert), timeline.last("fault off") or calm

    def since(at: float | None) -> float | None:
        return None if at is None else at - begin

    held = _last(timeline, "pending", alert, told)
    failure = timeline.first("first failure", since=begin)
    if failure is not None and held is not None and failure > held:
        failure = None  # this alert does not come of failed answers
    rule = {} if alert == HEARTBEAT else _rule(lab, alert)
    crossing = None if held is None else held - (failure or begin)
    hold = silence
    group_wait: float | None = 0.0
    if rule:
        hold = float(rule["duration"])
        group_wait = _group_wait(lab, {"alertname": alert, **_labels(lab, rule, alert)})
    else:
        # The silence counts from the heartbeat that was heard last, which lies some seconds before the fault.
        failure, crossing = None, None
    return Way(
        alert=alert,
        severity=str(rule.get("labels", {}).get("severity", "page")),
        pending=since(held),
        firing=since(_last(timeline, "firing", alert, told)),
        paged=since(paged),
        held_back=since(held_back) if paged is None else None,
        resolved=None if resolved is None or off is None else max(0.0, resolved - off),
        first_failure=since(failure),
        crossing=crossing,
        hold=hold,
        group_wait=group_wait,
    )


def _last(timeline: Timeline, kind: str, alert: str, by: float) -> float | None:
    """Return the last such event before somebody was told: an alert that ceased to hold in between began anew."""
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
    """Tell whether one of Alertmanager's matchers meets an alert's labels."""
    found = _MATCHER.match(matcher)
    if not found:
        return False
    value = labels.get(found["name"], "")
    pattern = found["value"] if "~" in found["how"] else re.escape(found["value"])
    return (re.fullmatch(pattern, value) is not None) != found["how"].startswith("!")
