"""The model provider answers 503 at once."""

from loadtest.calm import NO_CROWD
from loadtest.scenario import ANY, Effect, Fault, Scenario


class ProviderOutage(Scenario):
    """The circuit breaker opens, customers get a fallback reply, and whoever is on call must know within a minute."""

    name = "provider-outage"
    story = "The model provider answers every call with 503: customers get an excuse in the place of an answer."
    # Long enough for the slowest page and for the eyes that watch it; --quick ends it once the page has come.
    faults = (Fault("model", "errors", at=(3, 6), duration=100, strength=1.0, parameters={"status": 503}),)
    effects = (
        Effect("the fault stands in the metrics", 'max(lab_fault_active{fault=~"errors|sealed"})', within=15),
        Effect("chats end in a fallback", 'sum(increase(ai_requests_total{outcome="fallback"}[1m]))', within=30),
        Effect("the circuit breaker opens", "max(max_over_time(ai_circuit_breaker_state[1m]))", within=40),
    )
    must = ("ErrorRateCritical",)
    # What it looks back on takes minutes to pass.
    lasting = ("ErrorBudgetFastBurn",)
    may = ("ErrorRateHigh", "ErrorBudgetSlowBurn", "SyntheticJourneyFailing", "ConversionDrop", "NewErrorKind")
    must_not = (ANY,)
    # Before the others that burn the budget as fast.
    turn = 20
    calm = (NO_CROWD,)
    duration = 110
    quick_duration = 10
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
