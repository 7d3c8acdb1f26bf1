"""The assistant does not free memory."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Fault, Scenario, log_effect

# 32 MiB a second: from 130 MiB to 80 % of the limit of 512 MiB in nine seconds.
LEAK = {"bytes_per_second": 32 * 1024 * 1024}
MEMORY_HIGH = Effect(
    "memory is almost used up",
    'max(process_memory_usage_bytes{job="assistant"} / process_memory_limit_bytes{job="assistant"}) > bool 0.8',
    within=40,
)


class MemoryLeak(Scenario):
    """The leak stops below the limit, and below the free memory of the machine."""

    name = "memory-leak"
    summary = "The assistant's memory grows and grows towards its limit; users notice nothing before it is reached."
    faults = (Fault("assistant", "memory-leak", at=(1, 3), duration=90, parameters=LEAK),)
    effects = (
        MEMORY_HIGH,
        log_effect("the logs show it", "performance", "memory.high", within=25),
    )
    expected_alerts = ("MemoryHigh",)
    # The rule's `for` is longer than a garbage collection.
    within: ClassVar = {"MemoryHigh": 75}
    duration = 100
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
    exclusive_resources = ("memory",)
