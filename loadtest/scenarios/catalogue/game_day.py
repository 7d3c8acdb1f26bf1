"""Hidden faults, drawn from a pool."""

from dataclasses import replace

from loadtest.scenarios.catalogue.assistant.broken_booking import BOOKINGS_FAIL
from loadtest.scenarios.catalogue.assistant.memory_leak import LEAK, MEMORY_HIGH
from loadtest.scenarios.catalogue.provider.slow_model import SLOW_CHATS
from loadtest.scenarios.catalogue.provider.throttling import CALLS_THROTTLED
from loadtest.scenarios.declaration import ERROR_ALERTS, Effect, Fault, RandomFault, Scenario

_ERRORS = (*ERROR_ALERTS, "SyntheticJourneyFailing")


class GameDay(Scenario):
    """The seed draws two or three hidden faults: find them in the signals."""

    name = "game-day"
    summary = "Two or three hidden faults, one after the other; the report names them."
    hidden = True
    fault_interval_seconds = 15
    fault_pool = (
        RandomFault(
            Fault("model", "throttle", at=(2, 8), duration=40),
            (replace(CALLS_THROTTLED, within=30),),
            allowed_alerts=("ProviderThrottled", *_ERRORS),
        ),
        RandomFault(
            Fault("model", "latency", at=(2, 8), duration=40, parameters={"seconds": 2.5}),
            (SLOW_CHATS,),
            allowed_alerts=("SlowResponses", *_ERRORS),
        ),
        RandomFault(
            Fault("assistant", "broken-booking", at=(2, 8), duration=40),
            (BOOKINGS_FAIL,),
            allowed_alerts=("FeedbackLow", *_ERRORS),
        ),
        RandomFault(
            Fault("assistant", "memory-leak", at=(2, 8), duration=40, parameters=LEAK),
            (MEMORY_HIGH,),
            allowed_alerts=("MemoryHigh",),
        ),
        RandomFault(
            Fault("assistant", "slow-query", at=(2, 8), duration=40, parameters={"seconds": 1.2}),
            (
                Effect(
                    "a statement takes more than a second",
                    'sum(increase(db_client_operation_duration_seconds_count{db_operation_name="SELECT"}[30s]))'
                    ' - sum(increase(db_client_operation_duration_seconds_bucket{db_operation_name="SELECT",le="1.0"}'
                    "[30s]))",
                    within=30,
                ),
            ),
            allowed_alerts=("SlowResponses", *_ERRORS),
        ),
    )
    allowed_alerts = ("ConversionDrop", "NewErrorKind")
    order = 68
    duration = 120
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "pager")
