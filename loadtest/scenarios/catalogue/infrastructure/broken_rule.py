"""A rule cannot be evaluated."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Fault, Scenario


class BrokenRule(Scenario):
    """DiskFilling divides by the quota, of which there must be one: with two of them it can no longer fire."""

    name = "broken-rule"
    summary = (
        "A metric has one series too many and a rule cannot be evaluated: users notice nothing, its alert is lost."
    )
    faults = (Fault("assistant", "conflicting-series", at=(1, 3), duration=190),)
    effects = (
        Effect("there are two quotas", 'count(lab_disk_limit_bytes{job="assistant"}) > bool 1', within=20),
        Effect("evaluations fail", "sum(increase(prometheus_rule_evaluation_failures_total[30s]))", within=40),
    )
    expected_alerts = ("RuleFailure",)
    # Failures in 90 s and in the 90 s before; then the rule's `for` and the group wait of a ticket.
    within: ClassVar = {"RuleFailure": 175}
    duration = 195
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
    exclusive_resources = ("disk",)
