"""The lab's own disk fills up."""

from typing import ClassVar

from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario


class DiskFilling(Scenario):
    """Nothing fails yet, and that is when it should be known. The machine's own disk stays free."""

    name = "disk-filling"
    summary = "The assistant's data folder fills up to its last few percent; users notice nothing until it is full."
    faults = (Fault("assistant", "disk-filling", at=(1, 3), duration=90, parameters={"percent": 97}),)
    effects = (
        Effect(
            "little room is left",
            'min(lab_disk_free_bytes{path="data"} / lab_disk_limit_bytes{path="data"}) < bool 0.1',
            within=30,
        ),
        Effect(
            "the logs show it",
            '{service_name="assistant", kind="performance"} | event="disk.low"',
            within=25,
            source="loki",
        ),
    )
    expected_alerts = ("DiskFilling",)
    within: ClassVar = {"DiskFilling": 75}
    forbidden_alerts = (ANY,)
    duration = 100
    quick_duration = 20
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
    exclusive_resources = ("disk",)
