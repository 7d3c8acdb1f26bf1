"""The model provider takes its time."""

from typing import ClassVar

from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario


class SlowModel(Scenario):
    """Nothing fails: error alerts stay silent while customers give up."""

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
        Effect(
            "chats take more than five seconds",
            'sum(increase(ai_response_time_seconds_count{route="/chat"}[30s]))'
            ' - sum(increase(ai_response_time_seconds_bucket{route="/chat",le="5.0"}[30s]))',
            within=40,
        ),
    )
    expected_alerts = ("SlowResponses",)
    within: ClassVar = {"SlowResponses": 100}
    allowed_alerts = ("ErrorRateHigh", "ErrorBudgetFastBurn", "ErrorBudgetSlowBurn", "ConversionDrop", "NewErrorKind")
    forbidden_alerts = (ANY,)
    order = 30
    duration = 130
    quick_duration = 20
    cooldown_seconds = 12
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
