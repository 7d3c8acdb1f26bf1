"""The one thing that the company lives on does not work."""

from typing import ClassVar

from loadtest.scenario import ANY, Effect, Fault, Scenario, Stage


class BrokenBooking(Scenario):
    """Everything is fast and up, conversations go well to their last step: only the bookings stay away."""

    name = "broken-booking"
    story = "Customers talk, choose and confirm as always, but no booking comes to its end."
    # Enough conversations that it matters how many of them end in a booking.
    users: ClassVar = {"Customer": 1}
    shape = (Stage(0, 12),)
    quick_shape = (Stage(0, 28),)
    faults = (Fault("assistant", "broken-booking", at=(2, 5), duration=190),)
    effects = (
        Effect("the fault stands in the metrics", 'max(lab_fault_active{fault=~"broken-booking|sealed"})', within=15),
        Effect("bookings fail", 'sum(increase(ai_bookings_total{outcome="failed"}[30s]))', within=40),
    )
    must = ("SyntheticJourneyFailing",)
    # The failing bookings themselves are told of: that fewer come is their consequence.
    held_back = ("ConversionDrop",)
    within: ClassVar = {"ConversionDrop": 180}
    may = (
        "ErrorRateCritical",
        "ErrorRateHigh",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "FeedbackLow",
        "NewErrorKind",
    )
    must_not = (ANY,)
    duration = 200
    quick_duration = 20
    aftermath = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager", "loadtest")
