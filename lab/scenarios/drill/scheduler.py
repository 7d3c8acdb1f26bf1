"""Which scenarios of a drill may begin now: those whose alerts cannot be taken for what is still there."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

import yaml

from lab.errors import LabError
from lab.query import Lab, QueryError, RuleAlert
from lab.scenarios.drill.groups import Member
from lab.scenarios.judge.alert_latency import matches
from lab.scenarios.observe.alert_observer import Baseline, capture_baseline
from lab.scenarios.run.preflight import already_true, unmet_precondition, warmup_remaining
from lab.settings import LabSettings


@dataclass(frozen=True)
class BlockReason:
    """Why a scenario does not begin yet.

    It `passes` by itself, however long that takes; a `slight` one the scenario waits for itself, once nothing better
    can be done.
    """

    why: str
    transient: bool = False
    soft: bool = False


@dataclass
class Schedule:
    """Queries the lab, and returns what blocks a scenario.

    `active_alerts` were active before the drill: it does not wait for their end.
    """

    lab: Lab
    settings: LabSettings
    active_alerts: frozenset[str] = frozenset()
    _inhibitions: list[dict[str, Any]] | None = None
    _labels: dict[str, dict[str, str]] = field(default_factory=dict)

    def look(self) -> Baseline | None:
        """Return the active alerts now, None when the servers do not answer: the scenario's preflight reports that."""
        try:
            return capture_baseline(self.lab)
        except QueryError:
            return None

    def blocked_by(self, member: Member, now: Baseline | None, awaited: frozenset[str]) -> BlockReason | None:
        """Return what blocks a scenario, None when it may start.

        `awaited` are the alerts of earlier scenarios whose end is still to come.
        """
        if left := warmup_remaining(self.settings, member.scenario):
            return BlockReason(f"the lab must run for another {left:.0f} s for {member.scenario.name}", transient=True)
        if mixed := sorted(awaited & member.alerts):
            return BlockReason(f"{', '.join(mixed)} must end first")
        return None if now is None else self._left_over(member, now)

    def _left_over(self, member: Member, now: Baseline) -> BlockReason | None:
        expected = member.plan.expected
        if still := sorted((now.active_for(member.scenario.needs) - self.active_alerts) & {*expected.proven}):
            return BlockReason(f"{', '.join(still)} is still active")
        if held := self._inhibited(expected.pages, now):
            return BlockReason(f"{held} would inhibit its alerts")
        return self._in_the_figures(member)

    def _in_the_figures(self, member: Member) -> BlockReason | None:
        # What cannot be asked the scenario says in its own words.
        with contextlib.suppress(LabError):
            if unmet := unmet_precondition(self.lab, member.scenario):
                return BlockReason(f"{unmet.cause} is still in the figures", soft=True)
            if effects := already_true(self.lab, member.plan):
                return BlockReason(f"what happened before is still in the figures ({effects[0].text})", soft=True)
        return None

    def _inhibited(self, alerts: tuple[str, ...], now: Baseline) -> str:
        """Return a firing alert that inhibits one of these."""
        with contextlib.suppress(QueryError, KeyError):
            for source in (*now.alerts, *now.log_alerts):
                if source.state == "firing" and source.name not in self.active_alerts:
                    for rule in self._rules_of_inhibition():
                        if any(self._inhibits(rule, source, alert) for alert in alerts):
                            return source.name
        return ""

    def _inhibits(self, rule: dict[str, Any], source: RuleAlert, alert: str) -> bool:
        if source.name == alert or not all(matches(one, source.labels) for one in rule.get("source_matchers", ())):
            return False
        target = self._labels_of(alert)
        # A label that the rule fills in when it fires is not known before: it may be the one.
        known = {name: value for name, value in target.items() if "{{" not in value}
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

    def _rules_of_inhibition(self) -> list[dict[str, Any]]:
        if self._inhibitions is None:
            text = self.lab.alertmanager.json("GET", "/api/v2/status")["config"]["original"]
            self._inhibitions = yaml.safe_load(text).get("inhibit_rules") or []
        return self._inhibitions
