"""Compares what a scenario declares with what was observed."""

from dataclasses import dataclass

from lab.scenarios.observe.timeline import Timeline
from loadtest.scenarios.declaration import ANY, Absence, Effect, Expected


@dataclass(frozen=True)
class Check:
    """One expectation: what, expected, observed, and whether it passed."""

    what: str
    expected: str
    seen: str
    ok: bool


def origin(timeline: Timeline, fault: str = "") -> float:
    """Return the Unix time from which expectations count: that fault's beginning (any: the first), else the start."""
    return timeline.first("fault on", fault=fault) or timeline.started_at


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
        load_ended_at: end of the load without faults, Unix time: alerts must resolve after it.
        already_true: effects that were true before the run.
        others_alerts: alerts that may fire without being the scenario's own.
    """
    start = origin(timeline)
    checks = [_effect(effect, timeline, already_true) for effect in expected.effects]
    checks += [_absence(absence, timeline) for absence in expected.absences]
    for alert in expected.expected_alerts:
        checks += [_page(expected, alert, timeline), _resolved(expected, alert, timeline, load_ended_at)]
    checks += [_page(expected, alert, timeline) for alert in expected.expected_without_resolve]
    checks += [_inhibited(expected, alert, timeline) for alert in expected.inhibited_alerts]
    paged = [name for name in timeline.alerts("notified") if name in expected.proven or name not in others_alerts]
    forbidden = [name for name in expected.forbidden_alerts if name != ANY]
    checks += [
        Check(f"page {name}", "must not come", _notified(name, timeline, start), False)
        for name in paged
        if name in forbidden
    ]
    others = [name for name in paged if name not in (*expected.declared, *forbidden)]
    strict = ANY in expected.forbidden_alerts
    checks += [
        Check(
            f"page {name}",
            "must not come" if strict else "not declared",
            _notified(name, timeline, start),
            not strict,
        )
        for name in others
    ]
    checks += [
        Check(f"page {name}", "may come", _notified(name, timeline, start), True)
        for name in paged
        if name in expected.allowed_alerts
    ]
    if expected.forbidden_alerts and all(row.ok for row in checks if row.expected == "must not come"):
        what = "any other page" if strict else ", ".join(forbidden)
        checks.append(Check(what, "must not come", "none came", True))
    return checks


def _effect(effect: Effect, timeline: Timeline, already_true: tuple[Effect, ...]) -> Check:
    start = origin(timeline, effect.of)
    at = next((event.at for event in timeline.events if event.kind == "effect" and event.text == effect.text), None)
    expected = f"within {effect.within:g} s"
    if at is None:
        seen = "already true before the fault (not counted)" if effect in already_true else "not seen"
        return Check(effect.text, expected, seen, False)
    return Check(effect.text, expected, f"after {at - start:.1f} s", at - start <= effect.within)


def _absence(absence: Absence, timeline: Timeline) -> Check:
    found = (event.at for event in timeline.events if event.kind == "unwanted" and event.text == absence.text)
    at = next(found, None)
    seen = "not seen" if at is None else f"seen after {at - origin(timeline):.1f} s"
    return Check(absence.text, "must not be seen", seen, at is None)


def _page(declared: Expected, alert: str, timeline: Timeline) -> Check:
    start, limit = origin(timeline), declared.limit(alert)
    expected = f"within {limit:g} s"
    paged = timeline.first("notified", alert)
    if paged is None:
        return Check(f"page {alert}", expected, _notified(alert, timeline, start), False)
    # An alert of before the fault does not count.
    if _pending_at(alert, timeline, paged) < start:
        return Check(f"page {alert}", expected, "already pending before the fault (not counted)", False)
    return Check(f"page {alert}", expected, _notified(alert, timeline, start), paged - start <= limit)


def _pending_at(alert: str, timeline: Timeline, by: float) -> float:
    """Return when an alert that was notified at `by` became pending: Unix time."""
    pending = [e.at for e in timeline.events if e.kind == "pending" and e.alert == alert and e.at <= by]
    return max(pending, default=by)


def _inhibited(declared: Expected, alert: str, timeline: Timeline) -> Check:
    start, limit = origin(timeline), declared.limit(alert)
    what, expected = f"inhibited {alert}", f"fires within {limit:g} s and is inhibited"
    if (paged := timeline.first("notified", alert)) is not None:
        return Check(what, expected, f"notified after {paged - start:.1f} s", False)
    held = timeline.first("inhibited", alert)
    if held is None:
        firing = timeline.first("firing", alert)
        seen = _notified(alert, timeline, start) if firing is None else "fires without being inhibited"
        return Check(what, expected, seen, False)
    if _pending_at(alert, timeline, held) < start:
        return Check(what, expected, "already pending before the fault (not counted)", False)
    return Check(what, expected, f"after {held - start:.1f} s", held - start <= limit)


def _resolved(declared: Expected, alert: str, timeline: Timeline, load_ended_at: float | None) -> Check:
    faulty = timeline.first("fault on") is not None
    off, resolved = timeline.last("fault off") if faulty else load_ended_at, timeline.first("resolved", alert)
    expected = f"within {declared.resolve_within:g} s of {'the fault' if faulty else 'its cause'}'s end"
    if resolved is None or off is None:
        return Check(f"resolved {alert}", expected, "not seen", False)
    took = max(0.0, resolved - off)
    return Check(f"resolved {alert}", expected, f"after {took:.1f} s", took <= declared.resolve_within)


def _notified(alert: str, timeline: Timeline, start: float) -> str:
    at = timeline.first("notified", alert)
    if at is not None:
        return f"after {at - start:.1f} s"
    reached = [kind for kind in ("firing", "pending") if alert in timeline.alerts(kind)]
    return f"reached {reached[0]} only" if reached else "never pending"
