"""Bookings fail."""

from typing import ClassVar

from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario, Stage


class BrokenBooking(Scenario):
    """Everything is fast and up, conversations go well to their last step: only the bookings stay away."""

    name = "broken-booking"
    summary = "Customers chat, choose and confirm as always, but no booking comes to its end."
    # Enough conversations that it matters how many of them end in a booking.
    users: ClassVar = {"Customer": 1}
    shape = (Stage(0, 12),)
    quick_shape = (Stage(0, 28),)
    faults = (Fault("assistant", "broken-booking", at=(2, 5), duration=190),)
    effects = (
        Effect("the metrics show the fault", 'max(lab_fault_active{fault=~"broken-booking|hidden"})', within=15),
        Effect("bookings fail", 'sum(increase(ai_bookings_total{outcome="failed"}[30s]))', within=40),
    )
    expected_alerts = ("SyntheticJourneyFailing",)
    # The alert on failing bookings inhibits it: fewer bookings are their consequence.
    inhibited_alerts = ("ConversionDrop",)
    within: ClassVar = {"ConversionDrop": 180}
    allowed_alerts = (
        "ErrorRateCritical",
        "ErrorRateHigh",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "FeedbackLow",
        "NewErrorKind",
    )
    forbidden_alerts = (ANY,)
    duration = 200
    quick_duration = 20
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager", "loadtest")
