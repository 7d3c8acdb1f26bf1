"""Decides which scenarios of a drill may start: those whose alerts differ from the active ones."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

from lab.errors import LabError
from lab.query import Lab, QueryError, RuleAlert
from lab.scenarios.drill.groups import Member
from lab.scenarios.judge.alert_latency import alertmanager_config, matches
from lab.scenarios.observe.alert_observer import Baseline, capture_baseline
from lab.scenarios.run.preflight import already_true, unmet_precondition, warmup_remaining
from lab.settings import LabSettings


@dataclass(frozen=True)
class BlockReason:
    """Why a scenario cannot start yet.

    A `transient` reason ends by itself. With a `soft` one the scenario may start when no other can, and its preflight
    waits.
    """

    text: str
    transient: bool = False
    soft: bool = False


@dataclass
class Scheduler:
    """Finds what blocks a scenario; `active_alerts` were active before the drill, which does not wait for them."""

    lab: Lab
    settings: LabSettings
    active_alerts: frozenset[str] = frozenset()
    _rules: list[dict[str, Any]] | None = None
    _labels: dict[str, dict[str, str]] = field(default_factory=dict)

    def active(self) -> Baseline | None:
        """Return the current alerts, None without a response: the preflight reports that."""
        try:
            return capture_baseline(self.lab)
        except QueryError:
            return None

    def blocked_by(self, member: Member, now: Baseline | None, awaited: frozenset[str]) -> BlockReason | None:
        """Return what blocks a scenario, None when it may start.

        Args:
            member: the scenario.
            now: the current alerts, None where they are unknown.
            awaited: the alerts of earlier scenarios that must still resolve.
        """
        if left := warmup_remaining(self.settings, member.scenario):
            return BlockReason(f"the lab must run for another {left:.0f} s for {member.scenario.name}", transient=True)
        if mixed := sorted(awaited & member.alerts):
            return BlockReason(f"{', '.join(mixed)} must end first")
        if now is None:
            return None
        expected = member.plan.expected
        if active := sorted((now.active_for(member.scenario.needs) - self.active_alerts) & {*expected.proven}):
            return BlockReason(f"{', '.join(active)} is still active")
        if source := self._inhibiting_alert(expected.pages, now):
            return BlockReason(f"{source} would inhibit its alerts")
        return self._in_the_metrics(member)

    def _in_the_metrics(self, member: Member) -> BlockReason | None:
        # The preflight reports a query that fails.
        with contextlib.suppress(LabError):
            if unmet := unmet_precondition(self.lab, member.scenario):
                return BlockReason(f"{unmet.cause} is still in the figures", soft=True)
            if effects := already_true(self.lab, member.plan):
                return BlockReason(f"what happened before is still in the figures ({effects[0].text})", soft=True)
        return None

    def _inhibiting_alert(self, alerts: tuple[str, ...], now: Baseline) -> str:
        """Return a firing alert that inhibits one of these, else an empty text."""
        firing = [one for one in (*now.alerts, *now.log_alerts) if one.state == "firing"]
        with contextlib.suppress(QueryError, KeyError):
            for source in firing:
                if source.name not in self.active_alerts and any(self._inhibits(source, alert) for alert in alerts):
                    return source.name
        return ""

    def _inhibits(self, source: RuleAlert, alert: str) -> bool:
        # Alertmanager's API lists `inhibitedBy` for active alerts only, and this one does not fire yet.
        return any(self._rule_inhibits(rule, source, alert) for rule in self._inhibit_rules())

    def _rule_inhibits(self, rule: dict[str, Any], source: RuleAlert, alert: str) -> bool:
        if source.name == alert or not all(matches(one, source.labels) for one in rule.get("source_matchers", ())):
            return False
        # A label from a template is unknown before the alert fires: it may be equal.
        known = {name: value for name, value in self._labels_of(alert).items() if "{{" not in value}
        matchers = rule.get("target_matchers", ())
        return all(matches(one, known) for one in matchers) and all(
            known.get(name, source.labels.get(name)) == source.labels.get(name) for name in rule.get("equal", ())
        )

    def _labels_of(self, alert: str) -> dict[str, str]:
        if alert not in self._labels:
            found = self.lab.prometheus.rules(alert)
            with contextlib.suppress(QueryError):
                found = found or self.lab.loki.rules(alert)
            self._labels[alert] = {"alertname": alert, **(found[0].get("labels", {}) if found else {})}
        return self._labels[alert]

    def _inhibit_rules(self) -> list[dict[str, Any]]:
        if self._rules is None:
            self._rules = alertmanager_config(self.lab).get("inhibit_rules") or []
        return self._rules
