"""The database refuses every connection."""

from loadtest.calm import NO_START
from loadtest.scenario import ANY, Effect, Fault, Scenario


class DatabaseDown(Scenario):
    """The same on both engines: the assistant cannot connect, whatever database it has and wherever that runs."""

    name = "database-down"
    story = "The assistant's database refuses every connection: who writes is asked to come back later."
    faults = (Fault("assistant", "database-unreachable", at=(2, 5), duration=90),)
    effects = (
        Effect("the assistant has no database", "1 - min(ai_database_up)", within=20),
        Effect("requests fail", 'sum(increase(ai_requests_total{outcome="error"}[30s]))', within=25),
        Effect(
            "the logs tell of it",
            '{service_name="assistant", kind="error"} | event="database.down"',
            within=25,
            source="loki",
        ),
    )
    must = ("DatabaseDown",)
    may = (
        "SlowResponses",
        "ErrorRateCritical",
        "ErrorRateHigh",
        "ErrorBudgetFastBurn",
        "ErrorBudgetSlowBurn",
        "SyntheticJourneyFailing",
        "ConversionDrop",
        "NewErrorKind",
    )
    must_not = (ANY,)
    # Causes one after the other: none holds another back, and what they set off later is one wait for all.
    turn = 72
    calm = (NO_START,)
    duration = 100
    quick_duration = 20
    aftermath = 12
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
