"""Which scenarios of a drill may begin now: those whose alerts cannot be taken for what is still there."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

import yaml

from lab.errors import LabError
from lab.query import Lab, QueryError, RuleAlert
from lab.scenarios.alerts import Before, look_before
from lab.scenarios.floor import matches
from lab.scenarios.groups import Member
from lab.scenarios.prepare import holding, remembered, too_young
from lab.settings import LabSettings


@dataclass(frozen=True)
class Hindrance:
    """Why a scenario does not begin yet.

    It `passes` by itself, however long that takes; a `slight` one the scenario waits for itself, once nothing better
    can be done.
    """

    why: str
    passes: bool = False
    slight: bool = False


@dataclass
class Schedule:
    """Looks at the lab and says what stands in a scenario's way.

    `standing` are alerts that stood before the drill: nobody waits for their end.
    """

    lab: Lab
    settings: LabSettings
    standing: frozenset[str] = frozenset()
    _inhibitions: list[dict[str, Any]] | None = None
    _labels: dict[str, dict[str, str]] = field(default_factory=dict)

    def look(self) -> Before | None:
        """Return what stands now, None where the servers cannot be asked: the scenario says so in its own words."""
        try:
            return look_before(self.lab)
        except QueryError:
            return None

    def hindrance(self, member: Member, now: Before | None, awaited: frozenset[str]) -> Hindrance | None:
        """Return what stands in the way of a scenario, None when it may begin.

        `awaited` are the alerts of earlier scenarios whose end is still to come.
        """
        if left := too_young(self.settings, member.scenario):
            return Hindrance(f"the lab must run for another {left:.0f} s for {member.scenario.name}", passes=True)
        if mixed := sorted(awaited & member.alerts):
            return Hindrance(f"{', '.join(mixed)} must end first")
        return None if now is None else self._left_over(member, now)

    def _left_over(self, member: Member, now: Before) -> Hindrance | None:
        expected = member.plan.expected
        if still := sorted((now.standing_of(member.scenario.needs) - self.standing) & {*expected.proven}):
            return Hindrance(f"{', '.join(still)} still stands")
        if held := self._held_back(expected.pages, now):
            return Hindrance(f"{held} would hold back its alerts")
        return self._in_the_figures(member)

    def _in_the_figures(self, member: Member) -> Hindrance | None:
        # What cannot be asked the scenario says in its own words.
        with contextlib.suppress(LabError):
            if calm := remembered(self.lab, member.scenario):
                return Hindrance(f"{calm.of} is still in the figures", slight=True)
            if effects := holding(self.lab, member.plan):
                return Hindrance(f"what happened before is still in the figures ({effects[0].text})", slight=True)
        return None

    def _held_back(self, alerts: tuple[str, ...], now: Before) -> str:
        """Name a firing alert because of which Alertmanager would tell nobody of one of these."""
        with contextlib.suppress(QueryError, KeyError):
            for source in (*now.alerts, *now.log_alerts):
                if source.state == "firing" and source.name not in self.standing:
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
