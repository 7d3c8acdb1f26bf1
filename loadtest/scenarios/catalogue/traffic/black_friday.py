"""Traffic grows tenfold, and no booking is lost."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Scenario, Stage


class BlackFriday(Scenario):
    """Responses may be slow; the assistant must keep every confirmed booking."""

    name = "black-friday"
    summary = "Within two minutes ten times as many customers as ever want an appointment, and not one booking is lost."
    # In addition to the four baseline users.
    users: ClassVar = {"Customer": 6, "Hesitant": 1, "Impatient": 1}
    shape = (Stage(0, 0), Stage(120, 36), Stage(180, 36))
    quick_shape = (Stage(0, 0), Stage(15, 36), Stage(40, 36))
    effects = (
        Effect("far more requests arrive", "sum(rate(ai_requests_total[15s])) > bool 12", within=180),
        Effect(
            "bookings are confirmed to customers",
            'sum(increase(locust_bookings_total{origin="scenario",event="confirmed"}[30s]))',
            within=180,
        ),
    )
    allowed_alerts = ("TrafficSpike", "SlowResponses", "ErrorBudgetFastBurn", "ErrorBudgetSlowBurn", "ConversionDrop")
    order = 45
    duration = 180
    quick_duration = 40
    needs = ("assistant", "model", "prometheus", "pager", "loadtest")
