"""The model provider responds slowly."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Fault, Scenario

SLOW_CHATS = Effect(
    "chats take more than five seconds",
    'sum(increase(ai_response_time_seconds_count{route="/chat"}[30s]))'
    ' - sum(increase(ai_response_time_seconds_bucket{route="/chat",le="5.0"}[30s]))',
    within=40,
)


class SlowModel(Scenario):
    """No request fails, so no error alert fires while customers abandon their chats."""

    name = "slow-model"
    summary = "The model takes two and a half seconds longer for each call, and a chat has up to three of them."
    faults = (Fault("model", "latency", at=(2, 5), duration=120, parameters={"seconds": 2.5}),)
    effects = (
        Effect(
            "calls of the model take more than two seconds",
            "sum(increase(gen_ai_client_operation_duration_seconds_count[30s]))"
            ' - sum(increase(gen_ai_client_operation_duration_seconds_bucket{le="2.0"}[30s]))',
            within=25,
        ),
        SLOW_CHATS,
    )
    expected_alerts = ("SlowResponses",)
    within: ClassVar = {"SlowResponses": 100}
    allowed_alerts = ("ErrorRateHigh", "ErrorBudgetFastBurn", "ErrorBudgetSlowBurn", "ConversionDrop", "NewErrorKind")
    order = 30
    duration = 130
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
