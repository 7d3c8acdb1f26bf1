"""Scenarios on Locust's own page: a list to choose from; users, shape and faults of the chosen one.

Only those that stop no server: a container reaches no other. For the rest the list holds the command to run.
"""

import logging
import threading
import time
from typing import Any

from flask import Flask, Response, jsonify, request

from loadtest.admin_client import AdminClient
from loadtest.scenarios import registry
from loadtest.scenarios.declaration import ENGINE, Plan, PlannedFault, Scenario, users_at

# Nothing but the baseline users.
NONE = "none"
_COMMAND = "lab scenario run "
_log = logging.getLogger("scenario")


def choices() -> list[str]:
    """Return the list: nothing, the names of what can run here, the commands for the rest."""
    found, _ = registry.find()
    here = [name for name, scenario in found.items() if not stops_servers(scenario)]
    return [NONE, *here, *(_COMMAND + name for name in found if name not in here)]


def stops_servers(scenario: type[Scenario]) -> bool:
    """Return whether a scenario needs the host."""
    return any(fault.service == ENGINE for fault in (*scenario.faults, *(draw.fault for draw in scenario.fault_pool)))


def add_arguments(parser: Any, **_: Any) -> None:
    """Add what the page asks for."""
    text = "Load in addition to the baseline. Scenarios that stop servers run on the host: `lab scenario run ...`."
    parser.add_argument("--scenario", choices=choices(), default=NONE, help=text)
    parser.add_argument("--seed", type=int, default=1, help="The same seed gives the same plan.")


class ScenarioRun:
    """One scenario that was started on the page."""

    def __init__(self, scenario: type[Scenario], plan: Plan, admin: AdminClient) -> None:
        self.plan = plan
        self._admin = admin
        self._hidden = scenario.hidden
        self._began = time.monotonic()
        self._stop = threading.Event()
        ends = [fault.at + fault.duration for fault in plan.faults]
        self._seconds = max([plan.duration, *ends, *(stage.at for stage in plan.stages)])
        self._thread = threading.Thread(target=self._switch, daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Return whether its time has passed."""
        return self._age() > self._seconds

    @property
    def users(self) -> int:
        """Return its number of users now, without the baseline ones."""
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
            if reason := self._admin.on(fault, hidden=self._hidden):
                _log.warning("a fault could not be switched on: %s", reason)
            else:
                _log.info("fault on: %s", "hidden" if self._hidden else f"{fault.service} {fault.name}")
        self._stop.wait(max(0.0, self._seconds - self._age()))
        for fault in tried:
            self._admin.off(fault)


class WebUi:
    """What is chosen on the page, and the run that came of it."""

    def __init__(self, options: Any, admin: AdminClient) -> None:
        self._options = options
        self._admin = admin
        self.run: ScenarioRun | None = None

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
        if run.finished:
            _log.info("the scenario is over: only the baseline users stay")
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
            # Its faults would conflict with the next one's.
            before = self.run
            self.end()
            before.wait()
        if wish != NONE and (conflict := self._admin.busy()):
            return _no(f"{conflict} End it first.")
        return None

    def _started(self, response: Response) -> Response:
        if _starts() and response.is_json and response.get_json().get("success"):
            self.end()
            name = self._options.scenario = request.form.get("scenario", NONE)
            if name != NONE:
                scenario = registry.get(name)
                seed = request.form.get("seed", "1")
                plan = scenario.plan(int(seed) if seed.lstrip("-").isdigit() else 1)
                self.run = ScenarioRun(scenario, plan, self._admin)
                _log.info("scenario %s: %s", name, scenario.summary)
        return response


def _starts() -> bool:
    return request.method == "POST" and request.path.endswith("/swarm")


def _no(message: str) -> Response:
    # The page shows the answer to "New"; that to "Edit" it drops, and then the tab with the logs has it.
    _log.warning("not started: %s", message)
    return jsonify(success=False, message=message)
