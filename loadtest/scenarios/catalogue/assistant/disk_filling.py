"""The disk of the assistant fills up."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Fault, Scenario, log_effect


class DiskFilling(Scenario):
    """The alert fires before a request fails. The fault fills the quota, not the disk of the machine."""

    name = "disk-filling"
    summary = "The assistant's data folder fills up to its last few percent; users notice nothing until it is full."
    faults = (Fault("assistant", "disk-filling", at=(1, 3), duration=90, parameters={"percent": 97}),)
    effects = (
        Effect(
            "little room is left",
            'min(lab_disk_free_bytes{path="data"} / lab_disk_limit_bytes{path="data"}) < bool 0.1',
            within=30,
        ),
        log_effect("the logs show it", "performance", "disk.low", within=25),
    )
    expected_alerts = ("DiskFilling",)
    within: ClassVar = {"DiskFilling": 75}
    duration = 100
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
    exclusive_resources = ("disk",)
