"""The one thing that the company lives on does not work."""

from loadtest.scenario import ANY, Effect, Fault, Scenario


class BrokenBooking(Scenario):
    """Everything is fast and up, conversations go well to their last step: only the bookings stay away."""

    name = "broken-booking"
    story = "Customers talk, choose and confirm as always, but no booking comes to its end."
    faults = (Fault("assistant", "broken-booking", at=(2, 5), duration=150),)
    effects = (
        Effect("the fault stands in the metrics", 'max(lab_fault_active{fault=~"broken-booking|sealed"})', within=15),
        Effect("bookings fail", 'sum(increase(ai_bookings_total{outcome="failed"}[30s]))', within=40),
    )
    may = (
        "ConversionDrop",
        "SyntheticJourneyFailing",
        "ErrorRateCritical",
        "ErrorRateHigh",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "FeedbackLow",
        "NewErrorKind",
    )
    must_not = (ANY,)
    duration = 160
    quick_duration = 20
    aftermath = 12
    needs = ("assistant", "model", "prometheus", "pager")
