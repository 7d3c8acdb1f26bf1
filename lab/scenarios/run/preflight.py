"""The preflight: what must be true before a scenario starts, so that its results mean something."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lab.errors import LabError
from lab.query import Lab, QueryError, wait_for
from lab.scenarios.observe.alert_observer import Baseline, capture_baseline
from lab.scenarios.run.context import RunContext
from lab.scenarios.run.stopped_servers import Servers, stopped
from lab.settings import LabSettings, read_state
from loadtest.scenarios.declaration import ENGINE, Effect, Plan, Scenario
from loadtest.scenarios.preconditions import Precondition

_MEANING = {
    "assistant": "no requests can be sent",
    "model": "its faults cannot be switched",
    "prometheus": "no signal can be watched",
    "alertmanager": "no alert reaches the pager",
    "pager": "no page can be seen to arrive",
    "loki": "no log can be searched",
    "traces": "no trace can be read",
    "tempo": "no trace can be searched",
    "collector": "no telemetry is exported",
    "grafana": "no dashboard can be looked at",
    "postgres": "there is no database of its own to break",
    "loadtest": "there is no baseline traffic",
}
# These have a readiness endpoint; the engine knows the state of the others.
_WITH_READINESS = ("assistant", "model", "pager", "prometheus", "alertmanager", "loki", "tempo", "traces")
# A lab that has just started needs a few scrapes before rates exist.
_FIRST_TRAFFIC_SECONDS = 25
# The windows of most effects are a minute long, and a scrape or two passes until they have moved.
_LEFTOVER_SECONDS = 75.0


class SkippedError(LabError):
    """The scenario needs a server that this lab cannot have on this machine or engine."""


def check_preconditions(context: RunContext, scenario: type[Scenario], plan: Plan) -> Baseline:
    """Check whether a run may start, and return its baseline.

    Raises:
        LabError: a server is missing, a fault or one of its alerts is active, or there are no users.
    """
    lab = context.lab
    try:
        _require_servers(lab, context.settings, scenario, plan)
        _require_no_active_fault(lab, scenario)
        _wait_for_uptime(context, scenario)
        baseline = capture_baseline(lab)
        _require_no_active_alert(scenario, plan, baseline)
        if not plan.weights:
            _require_traffic(context)
        for precondition in scenario.preconditions:
            if _is_true(lab, precondition):
                context.say(f"Waiting until {precondition.cause} has left the metrics.")
                _wait_while(context, partial(_is_true, lab, precondition))
        already = already_true(lab, plan)
        if already:
            context.say("Waiting until what happened before has left the figures.")
            _wait_while(context, lambda: bool(already_true(lab, plan)))
            already = already_true(lab, plan)
        return replace(baseline, already_true=already)
    except QueryError as error:
        raise LabError(str(error), "See `lab status`.") from error


def warmup_remaining(settings: LabSettings, scenario: type[Scenario]) -> float:
    """Return the seconds until the lab has the minimum uptime of the scenario."""
    state = read_state(settings.home)
    return 0.0 if state is None else max(0.0, state.started_at + scenario.min_uptime_seconds - time.time())


def unmet_precondition(lab: Lab, scenario: type[Scenario]) -> Precondition | None:
    """Return the first precondition that the scenario must wait for, or None.

    Raises:
        LabError: its query is invalid, or Prometheus did not respond.
    """
    return next((precondition for precondition in scenario.preconditions if _is_true(lab, precondition)), None)


def already_true(lab: Lab, plan: Plan) -> tuple[Effect, ...]:
    """Return the effects that are true before the run.

    Raises:
        LabError: a query is invalid, or Prometheus did not respond.
    """
    candidates = [one for one in plan.expected.effects if one.source == "prometheus" and not one.always]
    return tuple(effect for effect in candidates if _is_true(lab, effect))


def _wait_for_uptime(context: RunContext, scenario: type[Scenario]) -> None:
    if left := warmup_remaining(context.settings, scenario):
        needed = f"{scenario.min_uptime_seconds:g} s of history"
        context.say(f"`{scenario.name}` needs {needed}: waiting another {left:.0f} s.")
        context.stop.wait(left)


def _require_traffic(context: RunContext) -> None:
    def has_traffic() -> bool:
        return context.stop.is_set() or context.lab.prometheus.value("sum(rate(ai_requests_total[30s]))") > 0

    if not wait_for(has_traffic, _FIRST_TRAFFIC_SECONDS, every=1.0):
        raise LabError(
            "No requests reach the assistant: the baseline users are away.",
            "Set BASELINE_USERS in .env and `make up` again, or bring users along: `--users 4`.",
        )


def _require_servers(lab: Lab, settings: LabSettings, scenario: type[Scenario], plan: Plan) -> None:
    targets = [fault.target for fault in plan.faults if fault.service == ENGINE]
    needed = tuple(dict.fromkeys((*scenario.needs, *targets)))
    state = read_state(settings.home)
    lacking = [name for name in needed if state and name in state.missing]
    servers = Servers(settings)
    of_engine = [name for name in needed if name not in _WITH_READINESS and name not in lacking]
    states = servers.states() if of_engine or targets else {}
    lacking += [name for name in of_engine if name not in states]
    if lacking:
        listed = _describe(lacking)
        raise SkippedError(f"`{scenario.name}` cannot run on this lab, which has no {listed}.", "`lab status`")
    missing = lab.missing(tuple(name for name in needed if name in _WITH_READINESS))
    missing += [name for name in of_engine if states[name] not in {"running", "starting"}]
    if missing:
        left = {record.server: record.ends_at - time.time() for record in stopped(settings.home)}
        stops = [f" {name} is stopped on purpose for another {left[name]:.0f} s." for name in missing if name in left]
        raise LabError(
            f"`{scenario.name}` cannot run, these servers do not answer: {_describe(missing)}.{''.join(stops)}",
            "`lab fault off` brings it back." if stops else "See `lab status`.",
        )
    for name in targets:
        servers.check(name)


def _describe(names: list[str]) -> str:
    return "; ".join(f"{name} ({_MEANING.get(name, 'this scenario needs it')})" for name in names)


def _require_no_active_fault(lab: Lab, scenario: type[Scenario]) -> None:
    for name in [one for one in ("model", "assistant") if one in scenario.needs]:
        for fault in lab.service(name).faults():
            left = "" if fault.ends_at is None else f" for another {max(0.0, fault.ends_at - time.time()):.0f} s"
            raise LabError(
                f"The fault `{fault.fault}` is on in {name} already{left}: the effects would mix.",
                "Wait until it has ended, or `lab fault off`.",
            )


def _require_no_active_alert(scenario: type[Scenario], plan: Plan, baseline: Baseline) -> None:
    # ServiceDown of a server that the scenario does not need is another alert.
    active = sorted(baseline.active_for(scenario.needs) & set(plan.expected.proven))
    if active:
        raise LabError(
            f"{', '.join(active)} is already firing; a new occurrence could not be detected. Wait until it resolves.",
            "Wait a minute or two until it is resolved (`lab status`).",
        )


def _wait_while(context: RunContext, condition: Callable[[], bool]) -> None:
    wait_for(lambda: context.stop.is_set() or not condition(), _LEFTOVER_SECONDS, every=1.0)


def _is_true(lab: Lab, observed: Effect | Precondition) -> bool:
    try:
        return any(sample.value > 0 for sample in lab.prometheus.query(observed.query))
    except QueryError as error:
        what = observed.text if isinstance(observed, Effect) else observed.cause
        raise LabError(f"`{what}` cannot be queried: {error}", "Fix its query in the scenario.") from error
