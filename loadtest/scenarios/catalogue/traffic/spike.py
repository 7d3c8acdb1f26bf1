"""Traffic grows tenfold within seconds."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Scenario, Stage


class Spike(Scenario):
    """The traffic alone does not show whether it is a campaign or an attack."""

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
    # The alert compares with the last six minutes.
    min_uptime_seconds = 400
    order = 40
    duration = 110
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager", "loadtest")
