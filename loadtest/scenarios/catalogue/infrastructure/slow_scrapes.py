"""The assistant's metrics page is slow."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Fault, Scenario


class SlowScrapes(Scenario):
    """A scrape takes three of the four seconds that it may: nothing is missing yet."""

    name = "slow-scrapes"
    summary = "Each scrape of the assistant takes three seconds: users notice nothing, at four the graphs have gaps."
    faults = (Fault("assistant", "slow-scrapes", at=(1, 3), duration=115, parameters={"seconds": 3}),)
    effects = (
        Effect("scrapes are slow", 'max(scrape_duration_seconds{job="assistant"}) > bool 2', within=20),
        Effect("the metrics show the fault", 'max(lab_fault_active{fault=~"slow-scrapes|hidden"})', within=20),
    )
    expected_alerts = ("ScrapeSlow",)
    # The mean of a minute crosses 2 s after 40 s; then the rule's `for` and the group wait of a ticket.
    within: ClassVar = {"ScrapeSlow": 100}
    duration = 120
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")
    exclusive_resources = ("scrapes",)
