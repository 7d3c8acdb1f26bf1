"""Compares the expectations of a scenario with the observations of a run."""

from dataclasses import dataclass

from lab.scenarios.observe.timeline import AlertRecord, Kind, Timeline
from loadtest.scenarios.declaration import ANY, Absence, Effect, Expected


@dataclass(frozen=True)
class Check:
    """One expectation: what, expected, observed, and whether it passed."""

    what: str
    expected: str
    seen: str
    ok: bool


def judge(
    expected: Expected,
    timeline: Timeline,
    *,
    load_ended_at: float | None = None,
    already_true: tuple[Effect, ...] = (),
    others_alerts: frozenset[str] = frozenset(),
) -> list[Check]:
    """Return a check for each declared effect, absence and alert, and for each other alert.

    Args:
        expected: the expectations of the plan.
        timeline: the observations of the run.
        load_ended_at: end of the load without faults, Unix time: alerts must resolve after it.
        already_true: effects that were true before the run.
        others_alerts: alerts that may fire without being the scenario's own.
    """
    checks = [_effect(effect, timeline, already_true) for effect in expected.effects]
    checks += [_absence(absence, timeline) for absence in expected.absences]
    for alert in expected.expected_alerts:
        checks += [_notified(expected, alert, timeline), _resolved(expected, alert, timeline, load_ended_at)]
    checks += [_notified(expected, alert, timeline) for alert in expected.expected_without_resolve]
    checks += [_inhibited(expected, alert, timeline) for alert in expected.inhibited_alerts]
    return checks + _other_pages(expected, timeline, others_alerts)


def _other_pages(expected: Expected, timeline: Timeline, others_alerts: frozenset[str]) -> list[Check]:
    """Return the checks of the forbidden, the undeclared and the allowed alerts that were notified."""
    times = {name: record.notified_at for name, record in timeline.alerts.items() if record.notified_at is not None}
    pages = {
        name: f"after {at - timeline.origin:.1f} s"
        for name, at in sorted(times.items(), key=lambda one: one[1])
        if name in expected.proven or name not in others_alerts
    }
    strict = ANY in expected.forbidden_alerts
    forbidden = [name for name in expected.forbidden_alerts if name != ANY]
    undeclared = [name for name in pages if name not in (*expected.declared, *forbidden)]
    checks = [Check(f"page {name}", "must not come", pages[name], False) for name in pages if name in forbidden]
    expectation = "must not come" if strict else "not declared"
    checks += [Check(f"page {name}", expectation, pages[name], not strict) for name in undeclared]
    passed = all(check.ok for check in checks)
    allowed = [name for name in pages if name in expected.allowed_alerts]
    checks += [Check(f"page {name}", "may come", pages[name], True) for name in allowed]
    if expected.forbidden_alerts and passed:
        checks.append(Check("any other page" if strict else ", ".join(forbidden), "must not come", "none came", True))
    return checks


def _effect(effect: Effect, timeline: Timeline, already_true: tuple[Effect, ...]) -> Check:
    expected = f"within {effect.within:g} s"
    at = _first_of(timeline, "effect", effect.text)
    if at is None:
        seen = "already true before the fault (not counted)" if effect in already_true else "not seen"
        return Check(effect.text, expected, seen, False)
    seconds = at - (timeline.first("fault on", effect.of) or timeline.started_at)
    return Check(effect.text, expected, f"after {seconds:.1f} s", seconds <= effect.within)


def _absence(absence: Absence, timeline: Timeline) -> Check:
    at = _first_of(timeline, "unwanted", absence.text)
    seen = "not seen" if at is None else f"seen after {at - timeline.origin:.1f} s"
    return Check(absence.text, "must not be seen", seen, at is None)


def _first_of(timeline: Timeline, kind: Kind, text: str) -> float | None:
    return next((one.at for one in timeline.events if (one.kind, one.text) == (kind, text)), None)


def _notified(declared: Expected, alert: str, timeline: Timeline) -> Check:
    record, limit = timeline.alert(alert), declared.limit(alert)
    what, expected = f"page {alert}", f"within {limit:g} s"
    if record.notified_at is None:
        return Check(what, expected, _reached_state(record), False)
    return _in_time(what, expected, record, limit, timeline.origin)


def _inhibited(declared: Expected, alert: str, timeline: Timeline) -> Check:
    record, limit = timeline.alert(alert), declared.limit(alert)
    what, expected = f"inhibited {alert}", f"fires within {limit:g} s and is inhibited"
    if record.notified_at is not None:
        return Check(what, expected, f"notified after {record.notified_at - timeline.origin:.1f} s", False)
    if record.inhibited_at is None:
        seen = _reached_state(record) if record.firing_at is None else "fires without being inhibited"
        return Check(what, expected, seen, False)
    return _in_time(what, expected, record, limit, timeline.origin)


def _in_time(what: str, expected: str, record: AlertRecord, limit: float, origin: float) -> Check:
    """Return the check of an alert that was notified or inhibited."""
    reached_at = record.reached_at or 0.0
    if (record.pending_at or reached_at) < origin:
        return Check(what, expected, "already pending before the fault (not counted)", False)
    seconds = reached_at - origin
    return Check(what, expected, f"after {seconds:.1f} s", seconds <= limit)


def _resolved(declared: Expected, alert: str, timeline: Timeline, load_ended_at: float | None) -> Check:
    faulty = timeline.first("fault on") is not None
    ended_at, resolved_at = timeline.last("fault off") if faulty else load_ended_at, timeline.alert(alert).resolved_at
    expected = f"within {declared.resolve_within:g} s of {'the fault' if faulty else 'its cause'}'s end"
    if resolved_at is None or ended_at is None:
        return Check(f"resolved {alert}", expected, "not seen", False)
    seconds = max(0.0, resolved_at - ended_at)
    return Check(f"resolved {alert}", expected, f"after {seconds:.1f} s", seconds <= declared.resolve_within)


def _reached_state(record: AlertRecord) -> str:
    if record.firing_at is not None:
        return "reached firing only"
    return "never pending" if record.pending_at is None else "reached pending only"
