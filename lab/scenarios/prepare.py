"""What must hold before a scenario begins: otherwise what it finds would mean nothing."""

import time

from lab.errors import LabError
from lab.query import Lab, wait_for
from lab.scenarios.alerts import Before, look_before
from lab.scenarios.stopping import Stop
from loadtest.scenario import Plan, Scenario

_MEANING = {
    "assistant": "there is nobody to send requests to",
    "model": "its faults cannot be switched",
    "prometheus": "no signal can be watched",
    "alertmanager": "no alert reaches the pager",
    "pager": "no page can be seen to arrive",
    "loki": "no log can be searched",
    "traces": "no trace can be read",
}
# A lab that has just started needs a few scrapes before rates exist.
_FIRST_TRAFFIC_SECONDS = 25


def check(lab: Lab, scenario: type[Scenario], plan: Plan, stop: Stop) -> Before:
    """Return what was known before the run.

    Raises:
        LabError: a needed server is missing, a fault is on, its alert still stands, or nobody uses the assistant.
    """
    missing = lab.missing(scenario.needs)
    if missing:
        told = "; ".join(f"{name} ({_MEANING.get(name, 'this scenario needs it')})" for name in missing)
        raise LabError(f"`{scenario.name}` cannot run, these servers do not answer: {told}.", "See `lab status`.")
    _no_fault(lab, plan)
    before = look_before(lab)
    _nothing_stands(lab, scenario, before)
    if not plan.weights and not wait_for(lambda: stop.asked or _rate(lab) > 0, _FIRST_TRAFFIC_SECONDS, every=1.0):
        raise LabError(
            "No requests reach the assistant: the always-on users are away.",
            "Set STEADY_USERS in .env and `make up` again, or bring users along: `--users 4`.",
        )
    return before


def _no_fault(lab: Lab, plan: Plan) -> None:
    for name in {fault.service for fault in plan.faults}:
        for fault in lab.service(name).faults():
            left = "" if fault.ends_at is None else f" for another {max(0.0, fault.ends_at - time.time()):.0f} s"
            raise LabError(
                f"The fault `{fault.fault}` is on in {name} already{left}: what it does could not be told apart.",
                "Wait until it has ended.",
            )


def _nothing_stands(lab: Lab, scenario: type[Scenario], before: Before) -> None:
    standing = {alert.name for alert in before.alerts}
    if "pager" in scenario.needs:
        standing |= {one.alert for one in lab.pager.incidents() if one.status != "resolved"}
    still = sorted(standing & set(scenario.must))
    if still:
        raise LabError(
            f"{', '.join(still)} still stands from before: its coming could not be told from its having been there.",
            "Wait a minute or two until it is resolved (`lab status`).",
        )


def _rate(lab: Lab) -> float:
    return lab.prometheus.value("sum(rate(ai_requests_total[30s]))")
