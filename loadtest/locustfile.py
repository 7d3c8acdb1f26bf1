"""What Locust loads: the always-on users with the journey and the page, or the users of one scenario.

Environment of a scenario's Locust, which the lab command starts on the host: LAB_SCENARIO, LAB_SEED (default 1),
LAB_QUICK (1: short), LAB_USERS (peak number of users in the place of the scenario's own), LAB_SECONDS (the users leave
after so long whatever happens; default an hour), LAB_FIGURES (where the always-on Locust's page is, which counts these
users too), LAB_LEDGER (file for what users were told of their appointments).

Of the always-on one: METRICS_LISTEN (address and port of the metrics page), JOURNEY_SECONDS (0: no journey), MODEL_URL
and ADMIN_TOKEN_FILE (for faults of scenarios that are started on the page).
"""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from locust import LoadTestShape, events
from prometheus_client import CollectorRegistry

from loadtest import counting, metrics, registry, upkeep
from loadtest.faults import Doors
from loadtest.intruder import Intruder
from loadtest.journey import Journey
from loadtest.ledger import Ledger
from loadtest.page import Page, add_arguments
from loadtest.scenario import Stage, users_at
from loadtest.users import Customer, Hesitant, Impatient, Owner, SteadyUser

__all__ = ["Customer", "Hesitant", "Impatient", "Intruder", "Owner", "SteadyUser"]

_USERS: dict[str, Any] = {one.__name__: one for one in (Customer, Hesitant, Impatient, Intruder, Owner, SteadyUser)}
_on: Any = events  # Locust leaves them untyped


def _start(environment: Any, **_: Any) -> None:
    """Count and forget old seconds; beside the page also take scenarios, serve metrics and go on the journey."""
    _in_background(upkeep.keep_forgetting, environment.stats)
    count = counting.Count(environment)
    if environment.web_ui is None:
        _start_scenario(environment, count)
        return
    load = metrics.Load(count.now)
    counting.receive(environment.web_ui.app, load)
    doors = {"assistant": environment.host, "model": os.environ.get("MODEL_URL", "")}
    token = os.environ.get("ADMIN_TOKEN_FILE")
    chosen = Page(environment.parsed_options, Doors(doors, Path(token) if token else None))
    chosen.attach(environment.web_ui.app)
    environment.events.test_stop.add_listener(chosen.end)
    environment.shape_class.chosen = chosen
    collectors = CollectorRegistry()
    collectors.register(load)
    journey = metrics.JourneyMetrics(collectors)
    if listen := os.environ.get("METRICS_LISTEN"):
        metrics.serve(collectors, listen)
    every = float(os.environ.get("JOURNEY_SECONDS") or 0)
    if every > 0:
        customer = Journey(environment.host, asked=load.journey)
        _in_background(customer.go_on, every, lambda run: journey.ran(run.failing_step, run.seconds))


def _start_scenario(environment: Any, count: counting.Count) -> None:
    if url := os.environ.get("LAB_FIGURES"):
        push = counting.Push(count, url)
        push.start()
        environment.events.quitting.add_listener(push.end)
    if path := os.environ.get("LAB_LEDGER"):
        # After the last user has left.
        environment.events.quit.add_listener(
            lambda **_: Path(path).write_text(json.dumps(Ledger.of(environment).document()), encoding="utf-8")
        )


def _in_background(work: Any, *arguments: Any) -> None:
    # Locust has replaced threads by greenlets: none of them ever waits for another one's request.
    threading.Thread(target=work, args=arguments, daemon=True).start()


def _scenario_shape(stages: tuple[Stage, ...], seconds: float) -> type[LoadTestShape]:
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


def _always_shape() -> type[LoadTestShape]:
    class AlwaysOn(LoadTestShape):
        """As many always-on users as the page says, and those of the scenario that is chosen there."""

        use_common_options = True
        chosen: Page | None = None

        def tick(self) -> tuple[int, float, list[type[Any]]]:
            runner: Any = self.runner
            options = runner.environment.parsed_options
            steady, rate = int(options.num_users or 0), float(options.spawn_rate or 1)
            wanted, weights = self.chosen.tick() if self.chosen else (0, {})
            SteadyUser.fixed_count = steady
            for name, weight in weights.items():
                _USERS[name].weight = weight
            brought = [_USERS[name] for name in weights if name != SteadyUser.__name__] if wanted else []
            users = [SteadyUser, *brought] if steady or not brought else brought
            return steady + wanted, max(rate, float(wanted)), users

    return AlwaysOn


_on.init.add_listener(_start)
if _name := os.environ.get("LAB_SCENARIO"):
    _plan = registry.get(_name).plan(
        seed=int(os.environ.get("LAB_SEED", "1")),
        quick=os.environ.get("LAB_QUICK") == "1",
        users=int(os.environ["LAB_USERS"]) if os.environ.get("LAB_USERS") else None,
    )
    for _user, _weight in _plan.weights.items():
        _USERS[_user].weight = _weight
    Shape = _scenario_shape(_plan.stages, float(os.environ.get("LAB_SECONDS", "3600")))
else:
    _on.init_command_line_parser.add_listener(add_arguments)
    Shape = _always_shape()
