"""What must hold before a scenario begins: otherwise what it finds would mean nothing."""

import time
from collections.abc import Callable
from dataclasses import replace

from lab.errors import LabError
from lab.query import Lab, QueryError, wait_for
from lab.scenarios.alerts import Before, look_before
from lab.scenarios.servers import Servers, stopped
from lab.scenarios.stopping import Stop
from lab.settings import LabSettings, read_state
from loadtest.calm import Calm
from loadtest.scenario import ENGINE, Effect, Plan, Scenario

_MEANING = {
    "assistant": "there is nobody to send requests to",
    "model": "its faults cannot be switched",
    "prometheus": "no signal can be watched",
    "alertmanager": "no alert reaches the pager",
    "pager": "no page can be seen to arrive",
    "loki": "no log can be searched",
    "traces": "no trace can be read",
    "tempo": "no trace can be searched",
    "collector": "logs and traces reach nobody",
    "grafana": "no dashboard can be looked at",
    "postgres": "there is no database of its own to break",
    "loadtest": "there is no always-on traffic",
}
# Those that are asked themselves whether they are ready; the engine is asked for the others.
_ASKED = ("assistant", "model", "pager", "prometheus", "alertmanager", "loki", "tempo", "traces")
# A lab that has just started needs a few scrapes before rates exist.
_FIRST_TRAFFIC_SECONDS = 25
# The windows of most effects are a minute long: what an earlier run did stays in them for so long.
_LEFTOVER_SECONDS = 75.0


class NotHereError(LabError):
    """The scenario needs a server that this lab cannot have on this machine or engine."""


def check(
    lab: Lab, settings: LabSettings, scenario: type[Scenario], plan: Plan, *, stop: Stop, say: Callable[[str], None]
) -> Before:
    """Return what was known before the run; `say` tells what is waited for.

    Raises:
        LabError: a needed server is missing, a fault is on, its alert still stands, or nobody uses the assistant.
    """
    _servers(lab, settings, scenario, plan)
    _no_fault(lab, scenario)
    _old_enough(settings, scenario, stop=stop, say=say)
    before = look_before(lab)
    _nothing_stands(scenario, plan, before)
    if not plan.weights and not wait_for(lambda: stop.asked or _rate(lab) > 0, _FIRST_TRAFFIC_SECONDS, every=1.0):
        raise LabError(
            "No requests reach the assistant: the always-on users are away.",
            "Set STEADY_USERS in .env and `make up` again, or bring users along: `--users 4`.",
        )
    for calm in scenario.calm:
        _come_calm(lab, calm, stop=stop, say=say)
    return replace(before, holding=_leftovers(lab, plan, stop=stop, say=say))


def too_young(settings: LabSettings, scenario: type[Scenario]) -> float:
    """Return for how many seconds more the lab must run before the scenario means something."""
    state = read_state(settings.home)
    return 0.0 if state is None else max(0.0, state.started_at + scenario.lab_age - time.time())


def _old_enough(settings: LabSettings, scenario: type[Scenario], *, stop: Stop, say: Callable[[str], None]) -> None:
    left = too_young(settings, scenario)
    if left:
        say(
            f"`{scenario.name}` compares with what was before: the lab must have run for {scenario.lab_age:g} s, "
            f"waiting another {left:.0f} s."
        )
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
        raise NotHereError(f"`{scenario.name}` cannot run on this lab, which has no {_told(lacking)}.", "`lab status`")
    missing = lab.missing(tuple(name for name in needed if name in _ASKED))
    missing += [name for name in unasked if known[name] not in {"running", "starting"}]
    if missing:
        notes = {note.server: note.ends_at - time.time() for note in stopped(settings.home)}
        purpose = [
            f" {name} is stopped on purpose for another {notes[name]:.0f} s." for name in missing if name in notes
        ]
        raise LabError(
            f"`{scenario.name}` cannot run, these servers do not answer: {_told(missing)}.{''.join(purpose)}",
            "`lab fault off` brings it back." if purpose else "See `lab status`.",
        )
    for name in targets:
        engine.check(name)


def _told(names: list[str]) -> str:
    return "; ".join(f"{name} ({_MEANING.get(name, 'this scenario needs it')})" for name in names)


def _no_fault(lab: Lab, scenario: type[Scenario]) -> None:
    for name in [one for one in ("model", "assistant") if one in scenario.needs]:
        for fault in lab.service(name).faults():
            left = "" if fault.ends_at is None else f" for another {max(0.0, fault.ends_at - time.time()):.0f} s"
            raise LabError(
                f"The fault `{fault.fault}` is on in {name} already{left}: what it does could not be told apart.",
                "Wait until it has ended, or `lab fault off`.",
            )


def _nothing_stands(scenario: type[Scenario], plan: Plan, before: Before) -> None:
    # Another server's ServiceDown is another alert.
    still = sorted(before.standing_of(scenario.needs) & set(plan.expected.proven))
    if still:
        raise LabError(
            f"{', '.join(still)} still stands from before: its coming could not be told from its having been there.",
            "Wait a minute or two until it is resolved (`lab status`).",
        )


def _leftovers(lab: Lab, plan: Plan, *, stop: Stop, say: Callable[[str], None]) -> tuple[Effect, ...]:
    """Wait until no effect can be seen that is still to come; return those that stay whatever happens."""
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    told = False
    while True:
        left = holding(lab, plan)
        if not left or stop.asked or time.monotonic() > deadline:
            return left
        if not told:
            say("Waiting until what happened before has left the figures.")
            told = True
        stop.wait(1.0)


def remembered(lab: Lab, scenario: type[Scenario]) -> Calm | None:
    """Return what the scenario waits to be rid of and the figures still remember, None when there is nothing."""
    return next((calm for calm in scenario.calm if _holds(lab, calm)), None)


def _come_calm(lab: Lab, calm: Calm, *, stop: Stop, say: Callable[[str], None]) -> None:
    if not _holds(lab, calm):
        return
    say(f"Waiting until {calm.of} has left the figures.")
    wait_for(lambda: stop.asked or not _holds(lab, calm), _LEFTOVER_SECONDS, every=1.0)


def holding(lab: Lab, plan: Plan) -> tuple[Effect, ...]:
    """Return the effects that can be seen already, though they are still to come."""
    candidates = [one for one in plan.expected.effects if one.source == "prometheus" and not one.always]
    return tuple(effect for effect in candidates if _holds(lab, effect))


def _holds(lab: Lab, seen: Effect | Calm) -> bool:
    try:
        return any(sample.value > 0 for sample in lab.prometheus.query(seen.query))
    except QueryError as error:
        what = seen.text if isinstance(seen, Effect) else seen.of
        raise LabError(f"`{what}` cannot be looked for: {error}", "Mend its query in the scenario.") from error


def _rate(lab: Lab) -> float:
    return lab.prometheus.value("sum(rate(ai_requests_total[30s]))")
