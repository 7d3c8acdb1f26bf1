"""The locustfile: the baseline users with the journey and the page, or the users of one scenario.

Environment of a scenario's Locust, which the lab command starts on the host: LAB_SCENARIO, LAB_SEED (default 1),
LAB_QUICK (1: short), LAB_USERS (peak number of users), LAB_SECONDS (maximum duration, default an hour), LAB_STATS_URL
(page of the baseline Locust, which receives the stats), LAB_LEDGER (file for the confirmed appointments).

Environment of the baseline Locust: METRICS_LISTEN (address and port of the metrics page), JOURNEY_SECONDS (0: no
journey), MODEL_URL and ADMIN_TOKEN_FILE (for the faults of scenarios that the page starts).
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

from loadtest.admin_client import AdminClient
from loadtest.scenarios import registry
from loadtest.scenarios.declaration import Stage, users_at
from loadtest.stats import collector, metrics, pruning
from loadtest.users.intruder import Intruder
from loadtest.users.journey import Journey
from loadtest.users.ledger import Ledger
from loadtest.users.users import BaselineUser, Customer, Hesitant, Impatient, Owner
from loadtest.web_ui import WebUi, add_arguments

__all__ = ["BaselineUser", "Customer", "Hesitant", "Impatient", "Intruder", "Owner"]

_USERS: dict[str, Any] = {one.__name__: one for one in (Customer, Hesitant, Impatient, Intruder, Owner, BaselineUser)}
_on: Any = events  # Locust has no types for them


def _start(environment: Any, **_: Any) -> None:
    """Start the stats; with the web UI also the metrics page, the scenarios of the page and the journey."""
    _in_background(pruning.prune_stats, environment.stats)
    stats = collector.StatsCollector(environment)
    if environment.web_ui is None:
        _start_scenario(environment, stats)
        return
    load = metrics.LoadMetrics(stats.now)
    collector.receive(environment.web_ui.app, load)
    admin = {"assistant": environment.host, "model": os.environ.get("MODEL_URL", "")}
    token = os.environ.get("ADMIN_TOKEN_FILE")
    chosen = WebUi(environment.parsed_options, AdminClient(admin, Path(token) if token else None))
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
        customer = Journey(environment.host, stats=load.journey)
        _in_background(customer.repeat, every, lambda run: journey.record(run.failing_step, run.seconds))


def _start_scenario(environment: Any, stats: collector.StatsCollector) -> None:
    if url := os.environ.get("LAB_STATS_URL"):
        push = collector.StatsPusher(stats, url)
        push.start()
        environment.events.quitting.add_listener(push.end)
    if path := os.environ.get("LAB_LEDGER"):
        # After the last user has left.
        environment.events.quit.add_listener(
            lambda **_: Path(path).write_text(json.dumps(Ledger.of(environment).document()), encoding="utf-8")
        )


def _in_background(work: Any, *arguments: Any) -> None:
    # Locust replaces threads by greenlets, which do not block each other.
    threading.Thread(target=work, args=arguments, daemon=True).start()


def _scenario_shape(stages: tuple[Stage, ...], seconds: float) -> type[LoadTestShape]:
    parent = os.getppid()
    # While a shape runs, Locust would exit on SIGTERM without its stats.
    leave = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leave.set())

    class ScenarioShape(LoadTestShape):
        """The scenario's users over time; the last stage lasts until SIGTERM or the exit of the parent process."""

        def tick(self) -> tuple[int, float] | None:
            age = time.perf_counter() - self.start_time
            if leave.is_set() or os.getppid() != parent or age > seconds:
                return None
            users = users_at(stages, age)
            return users, max(1.0, float(users))

    return ScenarioShape


def _baseline_shape() -> type[LoadTestShape]:
    class BaselineShape(LoadTestShape):
        """The baseline users that the page sets, and the users of the scenario that is chosen there."""

        use_common_options = True
        chosen: WebUi | None = None

        def tick(self) -> tuple[int, float, list[type[Any]]]:
            runner: Any = self.runner
            options = runner.environment.parsed_options
            steady, rate = int(options.num_users or 0), float(options.spawn_rate or 1)
            wanted, weights = self.chosen.tick() if self.chosen else (0, {})
            BaselineUser.fixed_count = steady
            for name, weight in weights.items():
                _USERS[name].weight = weight
            brought = [_USERS[name] for name in weights if name != BaselineUser.__name__] if wanted else []
            users = [BaselineUser, *brought] if steady or not brought else brought
            return steady + wanted, max(rate, float(wanted)), users

    return BaselineShape


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
    Shape = _baseline_shape()
