"""The assistant forgets to give memory back."""

from typing import ClassVar

from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario


class MemoryLeak(Scenario):
    """The leak stops short of the limit, and of what the machine can spare."""

    name = "memory-leak"
    summary = "The assistant's memory grows and grows towards its limit; users notice nothing before it is reached."
    # 32 MiB a second: from 130 MiB to 80 % of the limit of 512 MiB in nine seconds.
    faults = (
        Fault("assistant", "memory-leak", at=(1, 3), duration=90, parameters={"bytes_per_second": 32 * 1024 * 1024}),
    )
    effects = (
        Effect(
            "memory is almost used up",
            'max(process_memory_usage_bytes{job="assistant"} / process_memory_limit_bytes{job="assistant"}) > bool 0.8',
            within=40,
        ),
        Effect(
            "the logs show it",
            '{service_name="assistant", kind="performance"} | event="memory.high"',
            within=25,
            source="loki",
        ),
    )
    expected_alerts = ("MemoryHigh",)
    # A ticket: a garbage collection must have had its time.
    within: ClassVar = {"MemoryHigh": 75}
    forbidden_alerts = (ANY,)
    duration = 100
    quick_duration = 20
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
    exclusive_resources = ("memory",)
