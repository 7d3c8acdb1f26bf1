"""The database refuses every connection."""

from loadtest.scenarios.declaration import ERROR_ALERTS, Effect, Fault, Scenario, log_effect
from loadtest.scenarios.preconditions import NO_RECENT_RESTART


class DatabaseDown(Scenario):
    """The fault acts in the assistant, so it works with SQLite and PostgreSQL on both engines."""

    name = "database-down"
    summary = "The assistant's database refuses every connection: who writes is asked to come back later."
    faults = (Fault("assistant", "database-unreachable", at=(2, 5), duration=90),)
    effects = (
        Effect("the assistant has no database", "1 - min(ai_database_up)", within=20),
        Effect("requests fail", 'sum(increase(ai_requests_total{outcome="error"}[30s]))', within=25),
        log_effect("the logs show it", "error", "database.down", within=25),
    )
    expected_alerts = ("DatabaseDown",)
    allowed_alerts = ("SlowResponses", *ERROR_ALERTS, "SyntheticJourneyFailing", "ConversionDrop", "NewErrorKind")
    # Next to the other causes: none inhibits another, and the drill waits once for their late alerts.
    order = 72
    preconditions = (NO_RECENT_RESTART,)
    duration = 100
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
