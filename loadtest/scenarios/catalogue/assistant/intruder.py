"""An intruder calls the admin API."""

from typing import ClassVar

from loadtest.scenarios.declaration import Effect, Scenario, Stage, log_effect


class TokenGuessing(Scenario):
    """The admin API refuses, counts and audits each call."""

    name = "intruder"
    summary = "An intruder tries one token after the other at the assistant's admin API; every call is refused."
    users: ClassVar = {"Intruder": 1}
    shape = (Stage(0, 3),)
    effects = (
        Effect(
            "admin calls are refused",
            'sum(increase(lab_admin_requests_total{job="assistant",result="refused"}[30s]))',
            within=40,
        ),
        log_effect("the audit log holds them", "audit", "admin.refused", within=40),
    )
    expected_alerts = ("AuthFailures",)
    within: ClassVar = {"AuthFailures": 75}
    duration = 60
    needs = ("assistant", "model", "prometheus", "loki", "collector", "alertmanager", "pager")
    exclusive_resources = ("admin API",)
