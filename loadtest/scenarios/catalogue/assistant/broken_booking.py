"""Bookings fail."""

from typing import ClassVar

from loadtest.scenarios.declaration import ERROR_ALERTS, Effect, Fault, Scenario, Stage

BOOKINGS_FAIL = Effect("bookings fail", 'sum(increase(ai_bookings_total{outcome="failed"}[30s]))', within=40)


class BrokenBooking(Scenario):
    """All services are up and fast, and each conversation fails at its last step only."""

    name = "broken-booking"
    summary = "Customers chat, choose and confirm as always, but no booking comes to its end."
    # Enough conversations for a conversion rate.
    users: ClassVar = {"Customer": 1}
    shape = (Stage(0, 12),)
    quick_shape = (Stage(0, 28),)
    faults = (Fault("assistant", "broken-booking", at=(2, 5), duration=190),)
    effects = (
        Effect("the metrics show the fault", 'max(lab_fault_active{fault=~"broken-booking|hidden"})', within=15),
        BOOKINGS_FAIL,
    )
    expected_alerts = ("SyntheticJourneyFailing",)
    # The alert on failing bookings inhibits it: fewer bookings are their consequence.
    inhibited_alerts = ("ConversionDrop",)
    within: ClassVar = {"ConversionDrop": 180}
    allowed_alerts = (*ERROR_ALERTS, "FeedbackLow", "NewErrorKind")
    duration = 200
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager", "loadtest")
