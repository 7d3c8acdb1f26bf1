"""A low error rate uses up the error budget."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Fault, Scenario, Stage


class SlowBurn(Scenario):
    """Five times as many requests fail as the objective of 99.5 % allows, below every one-minute threshold."""

    name = "slow-burn"
    summary = "Two or three requests in a hundred fail: no page, but the month's error budget is used in a week."
    # Enough requests for some failures in a quick run.
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
    # Its windows are hours long; the tests of the rules prove that it resolves.
    expected_without_resolve = ("ErrorBudgetSlowBurn",)
    within: ClassVar = {"ErrorBudgetSlowBurn": 300}
    allowed_alerts = ("ErrorBudgetFastBurn", "NewErrorKind")
    # The alert needs eight minutes of history. It comes first: every other scenario with errors would fire it.
    min_uptime_seconds = 500
    order = 10
    duration = 250
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
    exclusive_resources = ("requests",)
