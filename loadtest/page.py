"""Scenarios on Locust's own page: a list to choose from; users, shape and faults of the chosen one.

Only those that stop no server: a container reaches no other. For the rest the list holds the command to run.
"""

import logging
import threading
import time
from typing import Any

from flask import Flask, Response, jsonify, request

from loadtest import registry
from loadtest.faults import Doors
from loadtest.scenario import ENGINE, Plan, PlannedFault, Scenario, users_at

# Nothing but the always-on users.
NONE = "none"
_COMMAND = "lab scenario run "
_log = logging.getLogger("scenario")


def choices() -> list[str]:
    """Return the list: nothing, the names of what can run here, the commands for the rest."""
    found, _ = registry.find()
    here = [name for name, scenario in found.items() if not stops_servers(scenario)]
    return [NONE, *here, *(_COMMAND + name for name in found if name not in here)]


def stops_servers(scenario: type[Scenario]) -> bool:
    """Tell whether a scenario needs the host."""
    return any(fault.service == ENGINE for fault in (*scenario.faults, *(draw.fault for draw in scenario.draws)))


def add_arguments(parser: Any, **_: Any) -> None:
    """Add what the page asks for."""
    text = "What comes beside the always-on users. `lab scenario run ...` stops servers: run that on the host."
    parser.add_argument("--scenario", choices=choices(), default=NONE, help=text)
    parser.add_argument("--seed", type=int, default=1, help="The same seed gives the same plan.")


class Run:
    """One scenario that was started on the page."""

    def __init__(self, scenario: type[Scenario], plan: Plan, doors: Doors) -> None:
        self.plan = plan
        self._doors = doors
        self._sealed = scenario.sealed
        self._began = time.monotonic()
        self._stop = threading.Event()
        ends = [fault.at + fault.duration for fault in plan.faults]
        self._seconds = max([plan.duration, *ends, *(stage.at for stage in plan.stages)])
        self._thread = threading.Thread(target=self._switch, daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Tell whether its time is over."""
        return self._age() > self._seconds

    @property
    def users(self) -> int:
        """How many users it has at this moment, beside the always-on ones."""
        return users_at(self.plan.stages, self._age()) if self.plan.weights else 0

    def end(self) -> None:
        """Switch its faults off; those that cannot be reached end by themselves."""
        self._stop.set()

    def wait(self) -> None:
        """Wait until its faults are off, or could not be switched off."""
        self._thread.join()

    def _age(self) -> float:
        return time.monotonic() - self._began

    def _switch(self) -> None:
        tried: list[PlannedFault] = []
        for fault in sorted(self.plan.faults, key=lambda one: one.at):
            if self._stop.wait(max(0.0, fault.at - self._age())):
                break
            tried.append(fault)
            if reason := self._doors.on(fault, sealed=self._sealed):
                _log.warning("a fault could not be switched on: %s", reason)
            else:
                _log.info("fault on: %s", "sealed" if self._sealed else f"{fault.service} {fault.name}")
        self._stop.wait(max(0.0, self._seconds - self._age()))
        for fault in tried:
            self._doors.off(fault)


class Page:
    """What is chosen on the page, and the run that came of it."""

    def __init__(self, options: Any, doors: Doors) -> None:
        self._options = options
        self._doors = doors
        self.run: Run | None = None

    def attach(self, app: Flask) -> None:
        """Listen to the page's button: before it starts users, and after."""
        app.before_request(self._refuse)
        app.after_request(self._started)

    def end(self, **_: Any) -> None:
        """End the scenario: faults off."""
        if self.run:
            self.run.end()
            self.run = None
            self._options.scenario = NONE

    def tick(self) -> tuple[int, dict[str, int]]:
        """Return how many users the scenario wants now, and their weights; ends it when its time is over."""
        run = self.run
        if run is None:
            return 0, {}
        if run.over:
            _log.info("the scenario is over: only the always-on users stay")
            self.end()
            return 0, {}
        return run.users, dict(run.plan.weights)

    def _refuse(self) -> Response | None:
        wish = request.form.get("scenario", NONE) if _starts() else NONE
        if wish.startswith(_COMMAND):
            return _no(f"This scenario stops servers, which only the host can do. Run there: {wish}")
        if wish not in choices():
            return _no(f"There is no scenario `{wish}`.")
        if self.run and _starts():
            # Its faults would stand in the way of the next one's.
            before = self.run
            self.end()
            before.wait()
        if wish != NONE and (trouble := self._doors.busy()):
            return _no(f"{trouble} What a scenario does could not be told apart from it.")
        return None

    def _started(self, response: Response) -> Response:
        if _starts() and response.is_json and response.get_json().get("success"):
            self.end()
            name = self._options.scenario = request.form.get("scenario", NONE)
            if name != NONE:
                scenario = registry.get(name)
                seed = request.form.get("seed", "1")
                plan = scenario.plan(int(seed) if seed.lstrip("-").isdigit() else 1)
                self.run = Run(scenario, plan, self._doors)
                _log.info("scenario %s: %s", name, scenario.story)
        return response


def _starts() -> bool:
    return request.method == "POST" and request.path.endswith("/swarm")


def _no(message: str) -> Response:
    # The page shows the answer to "New"; that to "Edit" it drops, and then the tab with the logs has it.
    _log.warning("not started: %s", message)
    return jsonify(success=False, message=message)
