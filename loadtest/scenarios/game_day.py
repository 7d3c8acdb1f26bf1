"""Something breaks, and nobody says what."""

from loadtest.scenario import ANY, Draw, Effect, Fault, Scenario

_FAILS = ("ErrorRateCritical", "ErrorRateHigh", "ErrorBudgetFastBurn", "ErrorBudgetSlowBurn", "SyntheticJourneyFailing")


class GameDay(Scenario):
    """Two or three faults, drawn from the seed and sealed: find out from the signals what it was."""

    name = "game-day"
    story = "Two or three things break one after the other, and nobody says which until the report."
    sealed = True
    draw_gap = 15
    draws = (
        Draw(
            Fault("model", "throttle", at=(2, 8), duration=40),
            (
                Effect(
                    "the provider refuses calls",
                    'sum(increase(gen_ai_client_operation_duration_seconds_count{error_type="429"}[30s]))',
                    within=30,
                    of="throttle",
                ),
            ),
            may=("ProviderThrottled", *_FAILS),
        ),
        Draw(
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
            may=("SlowResponses", *_FAILS),
        ),
        Draw(
            Fault("assistant", "broken-booking", at=(2, 8), duration=40),
            (
                Effect(
                    "bookings fail",
                    'sum(increase(ai_bookings_total{outcome="failed"}[30s]))',
                    within=40,
                    of="broken-booking",
                ),
            ),
            may=("FeedbackLow", *_FAILS),
        ),
        Draw(
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
            may=("MemoryHigh",),
        ),
        Draw(
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
            may=("SlowResponses", *_FAILS),
        ),
    )
    may = ("ConversionDrop", "NewErrorKind")
    must_not = (ANY,)
    turn = 68
    duration = 120
    quick_duration = 20
    aftermath = 12
    needs = ("assistant", "model", "prometheus", "pager")
