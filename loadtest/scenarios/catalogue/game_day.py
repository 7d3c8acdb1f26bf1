"""Hidden faults, drawn from a pool."""

from loadtest.scenarios.declaration import ANY, Effect, Fault, RandomFault, Scenario

_FAILS = ("ErrorRateCritical", "ErrorRateHigh", "ErrorBudgetFastBurn", "ErrorBudgetSlowBurn", "SyntheticJourneyFailing")


class GameDay(Scenario):
    """Two or three faults, drawn from the seed and hidden: find out from the signals what it was."""

    name = "game-day"
    summary = "Two or three hidden faults, one after the other; the report names them."
    hidden = True
    fault_interval_seconds = 15
    fault_pool = (
        RandomFault(
            Fault("model", "throttle", at=(2, 8), duration=40),
            (
                Effect(
                    "the provider refuses calls",
                    'sum(increase(gen_ai_client_operation_duration_seconds_count{error_type="429"}[30s]))',
                    within=30,
                    of="throttle",
                ),
            ),
            allowed_alerts=("ProviderThrottled", *_FAILS),
        ),
        RandomFault(
            Fault("model", "latency", at=(2, 8), duration=40, parameters={"seconds": 2.5}),
            (
                Effect(
                    "chats take more than five seconds",
                    'sum(increase(ai_response_time_seconds_count{route="/chat"}[30s]))'
                    ' - sum(increase(ai_response_time_seconds_bucket{route="/chat",le="5.0"}[30s]))',
                    within=40,
                    of="latency",
                ),
            ),
            allowed_alerts=("SlowResponses", *_FAILS),
        ),
        RandomFault(
            Fault("assistant", "broken-booking", at=(2, 8), duration=40),
            (
                Effect(
                    "bookings fail",
                    'sum(increase(ai_bookings_total{outcome="failed"}[30s]))',
                    within=40,
                    of="broken-booking",
                ),
            ),
            allowed_alerts=("FeedbackLow", *_FAILS),
        ),
        RandomFault(
            Fault(
                "assistant", "memory-leak", at=(2, 8), duration=40, parameters={"bytes_per_second": 32 * 1024 * 1024}
            ),
            (
                Effect(
                    "memory is almost used up",
                    'max(process_memory_usage_bytes{job="assistant"} / process_memory_limit_bytes{job="assistant"})'
                    " > bool 0.8",
                    within=40,
                    of="memory-leak",
                ),
            ),
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
                    of="slow-query",
                ),
            ),
            allowed_alerts=("SlowResponses", *_FAILS),
        ),
    )
    allowed_alerts = ("ConversionDrop", "NewErrorKind")
    forbidden_alerts = (ANY,)
    order = 68
    duration = 120
    quick_duration = 20
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "pager")
