"""Too few failures to notice, too many to bear."""

from typing import ClassVar

from loadtest.scenario import ANY, Effect, Fault, Scenario, Stage


class SlowBurn(Scenario):
    """Five times as many fail as the objective of 99.5 % allows, and no threshold of a minute is ever crossed."""

    name = "slow-burn"
    story = "Two or three requests in a hundred fail: nobody is woken, and the month's error budget is gone in a week."
    # More requests, so that even a quick run has its few failures.
    users: ClassVar = {"Customer": 1}
    shape = (Stage(0, 8),)
    quick_shape = (Stage(0, 24),)
    faults = (Fault("assistant", "new-exception", at=(2, 5), duration=300, strength=0.025, target="route=/chat"),)
    effects = (
        Effect(
            "more requests fail than the objective allows",
            'sum(increase(ai_requests_total{outcome!="ok"}[1m])) / sum(increase(ai_requests_total[1m])) > bool 0.005',
            within=120,
        ),
    )
    # Its windows are hours long: that it ends is proven by the rules' own tests.
    lasting = ("ErrorBudgetSlowBurn",)
    within: ClassVar = {"ErrorBudgetSlowBurn": 300}
    may = ("ErrorBudgetFastBurn", "NewErrorKind")
    must_not = (ANY,)
    # The alert says nothing in a lab younger than eight minutes. Later every other scenario would have set it off.
    lab_age = 500
    turn = 10
    duration = 250
    quick_duration = 20
    aftermath = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
    touches = ("requests",)
