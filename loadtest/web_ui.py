"""Scenarios on Locust's page: a list to choose from, and the users and faults of the chosen one.

A scenario that stops servers runs on the host only: the list has the command for it.
"""

import contextlib
import logging
import threading
import time
from typing import Any

from flask import Flask, Response, jsonify, request

from loadtest.admin_client import AdminClient, AdminError
from loadtest.scenarios import registry
from loadtest.scenarios.declaration import ENGINE, Plan, PlannedFault, Scenario, users_at

# The baseline users only.
NONE = "none"
_COMMAND = "lab scenario run "
_log = logging.getLogger("scenario")


def choices() -> list[str]:
    """Return the list: none, the scenarios that can run here, and the commands for the others."""
    found, _ = registry.find()
    here = [name for name, scenario in found.items() if not stops_servers(scenario)]
    return [NONE, *here, *(_COMMAND + name for name in found if name not in here)]


def stops_servers(scenario: type[Scenario]) -> bool:
    """Return whether a scenario stops a server, which only the host can do."""
    return any(fault.service == ENGINE for fault in (*scenario.faults, *(draw.fault for draw in scenario.fault_pool)))


def add_arguments(parser: Any, **_: Any) -> None:
    """Add the fields of the page's form."""
    text = "Load in addition to the baseline. Scenarios that stop servers run on the host: `lab scenario run ...`."
    parser.add_argument("--scenario", choices=choices(), default=NONE, help=text)
    parser.add_argument("--seed", type=int, default=1, help="The same seed gives the same plan.")


class ScenarioRun:
    """A scenario that the page started. A thread switches its faults on and off."""

    def __init__(self, scenario: type[Scenario], plan: Plan, admin: AdminClient) -> None:
        self.plan = plan
        self._admin = admin
        self._hidden = scenario.hidden
        self._began = time.monotonic()
        self._stop = threading.Event()
        ends = [fault.at + fault.duration for fault in plan.faults]
        self._seconds = max([plan.duration, *ends, *(stage.at for stage in plan.stages)])
        self._thread = threading.Thread(target=self._switch_faults, daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Return whether its duration has passed."""
        return self._age() > self._seconds

    @property
    def users(self) -> int:
        """Return the current number of its users, without the baseline ones."""
        return users_at(self.plan.stages, self._age()) if self.plan.weights else 0

    def end(self) -> None:
        """Let the thread switch the faults off; a fault whose service does not respond ends at its end time."""
        self._stop.set()

    def wait(self) -> None:
        """Wait for the end of the thread."""
        self._thread.join()

    def _age(self) -> float:
        return time.monotonic() - self._began

    def _switch_faults(self) -> None:
        tried: list[PlannedFault] = []
        for fault in sorted(self.plan.faults, key=lambda one: one.at):
            if self._stop.wait(max(0.0, fault.at - self._age())):
                break
            tried.append(fault)
            try:
                self._admin.switch_on(fault, hidden=self._hidden)
                _log.info("fault on: %s", "hidden" if self._hidden else f"{fault.service} {fault.name}")
            except AdminError as error:
                _log.warning("a fault could not be switched on: %s: %s", fault.service, error)
        self._stop.wait(max(0.0, self._seconds - self._age()))
        for fault in tried:
            with contextlib.suppress(AdminError):
                self._admin.switch_off(fault)


class WebUi:
    """The scenario that is chosen on the page, and its run."""

    def __init__(self, options: Any, admin: AdminClient) -> None:
        self._options = options
        self._admin = admin
        self.run: ScenarioRun | None = None

    def attach(self, app: Flask) -> None:
        """Add the scenario's checks and start to the page's request that starts users."""
        app.before_request(self._check_start)
        app.after_request(self._start)

    def end(self, **_: Any) -> None:
        """End the scenario and its faults."""
        if self.run:
            self.run.end()
            self.run = None
            self._options.scenario = NONE

    def tick(self) -> tuple[int, dict[str, int]]:
        """Return the number of the scenario's users and their weights; end it after its duration."""
        run = self.run
        if run is None:
            return 0, {}
        if run.finished:
            _log.info("the scenario has ended: only the baseline users stay")
            self.end()
            return 0, {}
        return run.users, dict(run.plan.weights)

    def _check_start(self) -> Response | None:
        name = request.form.get("scenario", NONE) if _is_start() else NONE
        if name.startswith(_COMMAND):
            return _refusal(f"This scenario stops servers, which only the host can do. Run there: {name}")
        if name not in choices():
            return _refusal(f"There is no scenario `{name}`.")
        if self.run and _is_start():
            # Its faults would conflict with those of the next scenario.
            previous = self.run
            self.end()
            previous.wait()
        if name != NONE and (reason := self._admin.block_reason()):
            return _refusal(f"{reason} End it first.")
        return None

    def _start(self, response: Response) -> Response:
        if _is_start() and response.is_json and response.get_json().get("success"):
            self.end()
            name = self._options.scenario = request.form.get("scenario", NONE)
            if name != NONE:
                scenario = registry.get(name)
                seed = request.form.get("seed", "1")
                plan = scenario.plan(int(seed) if seed.lstrip("-").isdigit() else 1)
                self.run = ScenarioRun(scenario, plan, self._admin)
                _log.info("scenario %s: %s", name, scenario.summary)
        return response


def _is_start() -> bool:
    return request.method == "POST" and request.path.endswith("/swarm")


def _refusal(message: str) -> Response:
    # The page shows this message for "New" only; for "Edit" it is in the tab with the logs.
    _log.warning("not started: %s", message)
    return jsonify(success=False, message=message)
