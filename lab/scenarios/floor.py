"""Where the time from a fault to its page goes, and how short it could be with the settings of this lab."""

import re
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from lab.query import Lab
from lab.scenarios.timeline import Timeline

_SERIES = re.compile(r"^ai_requests_total\{([^}]*)\}\s+(\S+)", re.MULTILINE)
_MATCHER = re.compile(r"""^\s*"?(?P<name>[\w.]+)"?\s*(?P<how>=~|!~|!=|=)\s*"?(?P<value>.*?)"?\s*$""")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Way:
    """The way from fault to page, in seconds; None where a part could not be seen.

    `first_failure`: fault to the first failed answer; `crossing`: from there until the alert was pending (its window
    had to cross the threshold, a scrape and an evaluation had to see it); then what the settings take: the rule's
    `hold` ("for") and Alertmanager's `group_wait`. `paged` is what it took in all.
    """

    alert: str
    paged: float
    first_failure: float | None
    crossing: float | None
    hold: float
    group_wait: float | None

    @property
    def floor(self) -> float | None:
        """The sum of the parts; None where a part is not known."""
        if self.crossing is None or self.group_wait is None:
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


def measure(lab: Lab, timeline: Timeline, alert: str) -> Way | None:
    """Take the way from the first fault to that alert's page apart; None when there was no such page."""
    fault = timeline.first("fault on")
    paged = timeline.first("paged", alert)
    rule = next((rule for rule in lab.prometheus.rules(alert) if rule.get("type") == "alerting"), None)
    if fault is None or paged is None or rule is None:
        return None
    failure = timeline.first("first failure", since=fault)
    pending = [event.at for event in timeline.events if event.kind == "pending" and event.alert == alert]
    # The last one before the page: an alert that ceased to hold in between began anew.
    held = max((at for at in pending if at <= paged), default=None)
    return Way(
        alert=alert,
        paged=paged - fault,
        first_failure=None if failure is None else failure - fault,
        crossing=None if held is None else max(0.0, held - (failure or fault)),
        hold=float(rule["duration"]),
        group_wait=_group_wait(lab, {"alertname": alert, **_labels(lab, rule, alert)}),
    )


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
        if all(_matches(matcher, labels) for matcher in child.get("matchers") or ()):
            return route_group_wait(child, labels, own)
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h|d)", own))


def _matches(matcher: str, labels: dict[str, str]) -> bool:
    found = _MATCHER.match(matcher)
    if not found:
        return False
    value = labels.get(found["name"], "")
    pattern = found["value"] if "~" in found["how"] else re.escape(found["value"])
    return (re.fullmatch(pattern, value) is not None) != found["how"].startswith("!")
