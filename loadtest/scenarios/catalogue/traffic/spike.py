"""A crowd comes from nowhere."""

from typing import ClassVar

from loadtest.scenarios.declaration import ANY, Effect, Scenario, Stage


class Spike(Scenario):
    """Good news or an attack: the traffic alone does not show which."""

    name = "spike"
    summary = "Within ten seconds ten times as many customers as usual come, many of them impatient, and leave again."
    users: ClassVar = {"Customer": 2, "Impatient": 1}
    shape = (Stage(0, 0), Stage(10, 45), Stage(90, 45), Stage(100, 0))
    quick_shape = (Stage(0, 0), Stage(5, 45))
    effects = (
        Effect("more than 20 requests a second arrive", "sum(rate(ai_requests_total[15s])) > bool 20", within=60),
    )
    expected_alerts = ("TrafficSpike",)
    within: ClassVar = {"TrafficSpike": 110}
    allowed_alerts = ("SlowResponses", "ErrorBudgetFastBurn", "ErrorBudgetSlowBurn", "ConversionDrop")
    forbidden_alerts = (ANY,)
    # The usual traffic that it is compared with is that of the last six minutes.
    min_uptime_seconds = 400
    order = 40
    duration = 110
    quick_duration = 20
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager", "loadtest")
