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
    faults = (Fault("assistant", "new-exception", at=(2, 5), duration=240, strength=0.025),)
    effects = (
        Effect(
            "more requests fail than the objective allows",
            'sum(increase(ai_requests_total{outcome!="ok"}[1m])) / sum(increase(ai_requests_total[1m])) > bool 0.005',
            within=120,
        ),
    )
    may = ("ErrorBudgetSlowBurn", "ErrorBudgetFastBurn", "NewErrorKind")
    must_not = (ANY,)
    duration = 250
    quick_duration = 20
    aftermath = 12
    needs = ("assistant", "model", "prometheus", "pager")
