"""What must for_duration before a scenario begins: otherwise what it finds would mean nothing."""

import time
from collections.abc import Callable
from dataclasses import replace

from lab.errors import LabError
from lab.query import Lab, QueryError, wait_for
from lab.scenarios.observe.alert_observer import Baseline, capture_baseline
from lab.scenarios.run.stop_signals import Stop
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
# Those that are asked themselves whether they are ready; the engine is asked for the others.
_ASKED = ("assistant", "model", "pager", "prometheus", "alertmanager", "loki", "tempo", "traces")
# A lab that has just started needs a few scrapes before rates exist.
_FIRST_TRAFFIC_SECONDS = 25
# The windows of most effects are a minute long: what an earlier run did stays in them for so long.
_LEFTOVER_SECONDS = 75.0


class SkippedError(LabError):
    """The scenario needs a server that this lab cannot have on this machine or engine."""


def check(
    lab: Lab, settings: LabSettings, scenario: type[Scenario], plan: Plan, *, stop: Stop, say: Callable[[str], None]
) -> Baseline:
    """Check whether a run may start, and return the baseline; `say` prints what it waits for.

    Raises:
        LabError: a needed server is missing, a fault is on, its alert is active, or there are no users.
    """
    _servers(lab, settings, scenario, plan)
    _require_no_active_fault(lab, scenario)
    _old_enough(settings, scenario, stop=stop, say=say)
    before = capture_baseline(lab)
    _require_no_active_alert(scenario, plan, before)
    if not plan.weights and not wait_for(lambda: stop.asked or _rate(lab) > 0, _FIRST_TRAFFIC_SECONDS, every=1.0):
        raise LabError(
            "No requests reach the assistant: the baseline users are away.",
            "Set BASELINE_USERS in .env and `make up` again, or bring users along: `--users 4`.",
        )
    for precondition in scenario.preconditions:
        _wait_for_precondition(lab, precondition, stop=stop, say=say)
    return replace(before, already_true=_wait_until_clean(lab, plan, stop=stop, say=say))


def warmup_remaining(settings: LabSettings, scenario: type[Scenario]) -> float:
    """Return for how many seconds more the lab must run before the scenario means something."""
    state = read_state(settings.home)
    return 0.0 if state is None else max(0.0, state.started_at + scenario.min_uptime_seconds - time.time())


def _old_enough(settings: LabSettings, scenario: type[Scenario], *, stop: Stop, say: Callable[[str], None]) -> None:
    left = warmup_remaining(settings, scenario)
    if left:
        say(f"`{scenario.name}` needs {scenario.min_uptime_seconds:g} s of history: waiting another {left:.0f} s.")
        stop.wait(left)


def _servers(lab: Lab, settings: LabSettings, scenario: type[Scenario], plan: Plan) -> None:
    targets = [fault.target for fault in plan.faults if fault.service == ENGINE]
    needed = tuple(dict.fromkeys((*scenario.needs, *targets)))
    state = read_state(settings.home)
    lacking = [name for name in needed if state and name in state.missing]
    engine = Servers(settings)
    unasked = [name for name in needed if name not in _ASKED and name not in lacking]
    if unasked or targets:
        known = engine.states()
        lacking += [name for name in unasked if name not in known]
    if lacking:
        raise SkippedError(f"`{scenario.name}` cannot run on this lab, which has no {_join(lacking)}.", "`lab status`")
    missing = lab.missing(tuple(name for name in needed if name in _ASKED))
    missing += [name for name in unasked if known[name] not in {"running", "starting"}]
    if missing:
        notes = {note.server: note.ends_at - time.time() for note in stopped(settings.home)}
        purpose = [
            f" {name} is stopped on purpose for another {notes[name]:.0f} s." for name in missing if name in notes
        ]
        raise LabError(
            f"`{scenario.name}` cannot run, these servers do not answer: {_join(missing)}.{''.join(purpose)}",
            "`lab fault off` brings it back." if purpose else "See `lab status`.",
        )
    for name in targets:
        engine.check(name)


def _join(names: list[str]) -> str:
    return "; ".join(f"{name} ({_MEANING.get(name, 'this scenario needs it')})" for name in names)


def _require_no_active_fault(lab: Lab, scenario: type[Scenario]) -> None:
    for name in [one for one in ("model", "assistant") if one in scenario.needs]:
        for fault in lab.service(name).faults():
            left = "" if fault.ends_at is None else f" for another {max(0.0, fault.ends_at - time.time()):.0f} s"
            raise LabError(
                f"The fault `{fault.fault}` is on in {name} already{left}: the effects would mix.",
                "Wait until it has ended, or `lab fault off`.",
            )


def _require_no_active_alert(scenario: type[Scenario], plan: Plan, before: Baseline) -> None:
    # Another server's ServiceDown is another alert.
    still = sorted(before.active_for(scenario.needs) & set(plan.expected.proven))
    if still:
        raise LabError(
            f"{', '.join(still)} is already firing; a new occurrence could not be detected. Wait until it resolves.",
            "Wait a minute or two until it is resolved (`lab status`).",
        )


def _wait_until_clean(lab: Lab, plan: Plan, *, stop: Stop, say: Callable[[str], None]) -> tuple[Effect, ...]:
    """Wait until no effect can be seen that is still to come; return those that stay whatever happens."""
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    reported = False
    while True:
        left = already_true(lab, plan)
        if not left or stop.asked or time.monotonic() > deadline:
            return left
        if not reported:
            say("Waiting until what happened before has left the figures.")
            reported = True
        stop.wait(1.0)


def unmet_precondition(lab: Lab, scenario: type[Scenario]) -> Precondition | None:
    """Return what the scenario waits to be rid of and the figures still remember, None when there is nothing."""
    return next((precondition for precondition in scenario.preconditions if _holds(lab, precondition)), None)


def _wait_for_precondition(lab: Lab, precondition: Precondition, *, stop: Stop, say: Callable[[str], None]) -> None:
    if not _holds(lab, precondition):
        return
    say(f"Waiting until {precondition.cause} has left the metrics.")
    wait_for(lambda: stop.asked or not _holds(lab, precondition), _LEFTOVER_SECONDS, every=1.0)


def already_true(lab: Lab, plan: Plan) -> tuple[Effect, ...]:
    """Return the effects that can be seen already, though they are still to come."""
    candidates = [one for one in plan.expected.effects if one.source == "prometheus" and not one.always]
    return tuple(effect for effect in candidates if _holds(lab, effect))


def _holds(lab: Lab, seen: Effect | Precondition) -> bool:
    try:
        return any(sample.value > 0 for sample in lab.prometheus.query(seen.query))
    except QueryError as error:
        what = seen.text if isinstance(seen, Effect) else seen.cause
        raise LabError(f"`{what}` cannot be queried: {error}", "Fix its query in the scenario.") from error


def _rate(lab: Lab) -> float:
    return lab.prometheus.value("sum(rate(ai_requests_total[30s]))")
