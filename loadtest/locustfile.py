"""What Locust loads: the always-on user, and the users and shape of the scenario that LAB_SCENARIO names.

Environment: LAB_SCENARIO (none: the users that the command line names, without a shape), LAB_SEED (default 1),
LAB_QUICK (1: short), LAB_USERS (peak number of users in the place of the scenario's own), LAB_SECONDS (the users leave
after so long whatever happens; default an hour).
"""

import os
import signal
import threading
import time
from typing import Any

from locust import LoadTestShape, events

from loadtest import registry, upkeep
from loadtest.scenario import Stage, users_at
from loadtest.users import Customer, SteadyUser

__all__ = ["Customer", "SteadyUser"]


def _start_upkeep(environment: Any, **_: Any) -> None:
    threading.Thread(target=upkeep.keep_forgetting, args=(environment.stats,), daemon=True).start()


_init: Any = events.init  # Locust leaves it untyped
_init.add_listener(_start_upkeep)


def _shape_of(stages: tuple[Stage, ...], seconds: float) -> type[LoadTestShape]:
    parent = os.getppid()
    # Locust takes no notice of SIGTERM while a shape runs: it would die without its figures.
    leave = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leave.set())

    class ScenarioShape(LoadTestShape):
        """The scenario's users over time: the last stage stays until SIGTERM, or until whoever started us is gone."""

        def tick(self) -> tuple[int, float] | None:
            age = time.perf_counter() - self.start_time
            if leave.is_set() or os.getppid() != parent or age > seconds:
                return None
            users = users_at(stages, age)
            return users, max(1.0, float(users))

    return ScenarioShape


if _name := os.environ.get("LAB_SCENARIO"):
    _plan = registry.get(_name).plan(
        seed=int(os.environ.get("LAB_SEED", "1")),
        quick=os.environ.get("LAB_QUICK") == "1",
        users=int(os.environ["LAB_USERS"]) if os.environ.get("LAB_USERS") else None,
    )
    for _user in (Customer, SteadyUser):
        _user.weight = _plan.weights.get(_user.__name__, 1)
    Shape = _shape_of(_plan.stages, float(os.environ.get("LAB_SECONDS", "3600")))
