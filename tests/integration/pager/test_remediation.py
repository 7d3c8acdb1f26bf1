"""A leaking assistant is restarted by hand and by the pager; its restart policy starts it again."""

import re
from collections.abc import Iterator

import httpx
import pytest

from lab.engines.choice import current_engine
from lab.query.pager import Incident
from tests.support.labs.running import RunningLab, started_lab
from tests.support.servers.processes import until

LEAK = {"bytes_per_second": 64 * 1024 * 1024}
# A process stops gracefully, and a new one imports its modules.
START_SECONDS = 40


@pytest.fixture(scope="module")
def leaking(engine: str) -> Iterator[RunningLab]:
    """A lab without traffic whose pager does not wait long, and by default only says what it would do."""
    quick = {"REMEDIATION_AFTER_SECONDS": "1", "REMEDIATION_EVERY_SECONDS": "1"}
    yield from started_lab(engine, BASELINE_USERS="0", JOURNEY_SECONDS="0", **quick)


def figure(running: RunningLab, name: str, service: str = "assistant") -> float:
    """Sum of a metric's samples, as the service itself reports; -1 while it does not answer."""
    try:
        text = httpx.get(f"{running.url(service)}/metrics", timeout=5).text
    except httpx.TransportError:
        return -1
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)} (\S+)", text, re.MULTILINE))


def share(running: RunningLab) -> float:
    """How much of its memory the assistant uses; -1 while it does not answer."""
    limit = figure(running, "process_memory_limit_bytes")
    return figure(running, "process_memory_usage_bytes") / limit if limit > 0 else -1


def started(running: RunningLab) -> float:
    return figure(running, "process_start_time_seconds")


def restarts(running: RunningLab) -> float:
    return figure(running, 'lab_admin_requests_total{action="restart",result="ok"}')


def audited(running: RunningLab) -> int:
    return len(running.lab.loki.query('{service_name="assistant", kind="audit"} | event="admin.restart"'))


def is_new(running: RunningLab, before: float) -> bool:
    return started(running) > before and running.lab.assistant.ready()


def test_a_restart_by_hand_frees_the_memory(leaking: RunningLab) -> None:
    leaking.lab.assistant.fault_on("memory-leak", 300, parameters=LEAK)
    until("the memory is full", lambda: share(leaking) > 0.7, 30)
    before = started(leaking)

    token = current_engine(leaking.settings).read_secret("admin_token")
    answer = httpx.post(
        f"{leaking.url('assistant')}/admin/restart", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )

    assert (answer.status_code, answer.json()) == (202, {"status": "restarting"})
    until("it runs again", lambda: is_new(leaking, before), START_SECONDS)
    assert 0 < share(leaking) < 0.5
    assert leaking.lab.assistant.faults() == []
    assert leaking.lab.assistant.chat("Hello").outcome == "ok"
    until("the audit line", lambda: audited(leaking) == 1, 15)


def test_a_refused_restart_changes_nothing(leaking: RunningLab) -> None:
    before = started(leaking)
    answer = httpx.post(f"{leaking.url('assistant')}/admin/restart", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert restarts(leaking) == 0
    assert started(leaking) == before


def incident(running: RunningLab) -> Incident | None:
    """The newest incident of MemoryHigh."""
    found = [one for one in running.lab.pager.incidents() if one.alert == "MemoryHigh" and one.service == "assistant"]
    return max(found, key=lambda one: int(one.id), default=None)


def remediations(running: RunningLab) -> list[str]:
    """Return the texts of the remediation entries in the pager's timeline."""
    found = incident(running)
    return [line.text for line in found.timeline if line.event == "remediation"] if found else []


def test_the_pager_says_what_it_would_do_and_does_it_once_when_it_may(leaking: RunningLab) -> None:
    remediated = 'pager_remediations_total{action="restart-assistant",result="%s"}'
    audits = audited(leaking)
    before = started(leaking)
    leaking.lab.assistant.fault_on("memory-leak", 300, parameters=LEAK)

    until("a remediation entry", lambda: remediations(leaking), 120)
    assert remediations(leaking) == ["Dry run (REMEDIATION=dry-run): would restart the assistant"]
    assert figure(leaking, remediated % "dry_run", "pager") == 1
    assert started(leaking) == before
    assert share(leaking) > 0.8

    leaking.environment["REMEDIATION"] = "on"
    leaking.run("restart", "pager")
    until("it runs again", lambda: is_new(leaking, before), START_SECONDS)
    assert 0 < share(leaking) < 0.5
    until("the audit line", lambda: audited(leaking) == audits + 1, 15)
    restarted = started(leaking)

    until("resolved", lambda: (found := incident(leaking)) and found.status == "resolved", 60)
    assert remediations(leaking)[1:] == ["Restarted the assistant"]
    assert figure(leaking, remediated % "done", "pager") == 1
    assert figure(leaking, remediated % "failed", "pager") == 0
    assert started(leaking) == restarted, "it was restarted more than once"
