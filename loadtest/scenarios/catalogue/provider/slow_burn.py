"""Too few failures to notice, too many to bear."""

from typing import ClassVar

from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario, Stage


class SlowBurn(Scenario):
    """Five times as many fail as the objective of 99.5 % allows, and no threshold of a minute is ever crossed."""

    name = "slow-burn"
    summary = "Two or three requests in a hundred fail: no page, but the month's error budget is used in a week."
    # More requests, so that even a quick run has its few failures.
    users: ClassVar = {"Customer": 1}
    shape = (Stage(0, 8),)
    quick_shape = (Stage(0, 24),)
    faults = (Fault("assistant", "new-exception", at=(2, 5), duration=300, intensity=0.025, target="route=/chat"),)
    effects = (
        Effect(
            "more requests fail than the objective allows",
            'sum(increase(ai_requests_total{outcome!="ok"}[1m])) / sum(increase(ai_requests_total[1m])) > bool 0.005',
            within=120,
        ),
    )
    # Its windows are hours long: that it ends is proven by the rules' own tests.
    expected_without_resolve = ("ErrorBudgetSlowBurn",)
    within: ClassVar = {"ErrorBudgetSlowBurn": 300}
    allowed_alerts = ("ErrorBudgetFastBurn", "NewErrorKind")
    forbidden_alerts = (ANY,)
    # The alert says nothing in a lab younger than eight minutes. Later every other scenario would have set it off.
    min_uptime_seconds = 500
    order = 10
    duration = 250
    quick_duration = 20
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
    exclusive_resources = ("requests",)
