"""Compares what a scenario declares with what came."""

from dataclasses import dataclass

from lab.scenarios.timeline import Timeline
from loadtest.scenario import ANY, Absence, Effect, Expected


@dataclass(frozen=True)
class Row:
    """One expectation: what was expected, what was seen, and whether that is as declared."""

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
    calm: float | None = None,
    holding: tuple[Effect, ...] = (),
    others_alerts: frozenset[str] = frozenset(),
) -> list[Row]:
    """Return a row for each effect, absence and alert that is declared, and for each alert that is not.

    `calm` is the Unix time from which alerts must resolve where there was no fault whose end would say so; `holding`
    are effects that held before the run already, `others_alerts` those of scenarios that run side by side.
    """
    start = origin(timeline)
    rows = [_effect(effect, timeline, holding) for effect in expected.effects]
    rows += [_absence(absence, timeline) for absence in expected.absences]
    for alert in expected.must:
        rows += [_page(expected, alert, timeline), _resolved(expected, alert, timeline, calm)]
    rows += [_page(expected, alert, timeline) for alert in expected.lasting]
    rows += [_held_back(expected, alert, timeline) for alert in expected.held_back]
    paged = [name for name in timeline.alerts("paged") if name in expected.proven or name not in others_alerts]
    forbidden = [name for name in expected.must_not if name != ANY]
    rows += [
        Row(f"page {name}", "must not come", _seen_page(name, timeline, start), False)
        for name in paged
        if name in forbidden
    ]
    others = [name for name in paged if name not in (*expected.declared, *forbidden)]
    strict = ANY in expected.must_not
    rows += [
        Row(
            f"page {name}",
            "must not come" if strict else "not declared",
            _seen_page(name, timeline, start),
            not strict,
        )
        for name in others
    ]
    rows += [
        Row(f"page {name}", "may come", _seen_page(name, timeline, start), True)
        for name in paged
        if name in expected.may
    ]
    if expected.must_not and all(row.ok for row in rows if row.expected == "must not come"):
        what = "any other page" if strict else ", ".join(forbidden)
        rows.append(Row(what, "must not come", "none came", True))
    return rows


def _effect(effect: Effect, timeline: Timeline, holding: tuple[Effect, ...]) -> Row:
    start = origin(timeline, effect.of)
    at = next((event.at for event in timeline.events if event.kind == "effect" and event.text == effect.text), None)
    expected = f"within {effect.within:g} s"
    if at is None:
        seen = "held before already, which proves nothing" if effect in holding else "not seen"
        return Row(effect.text, expected, seen, False)
    return Row(effect.text, expected, f"after {at - start:.1f} s", at - start <= effect.within)


def _absence(absence: Absence, timeline: Timeline) -> Row:
    found = (event.at for event in timeline.events if event.kind == "unwanted" and event.text == absence.text)
    at = next(found, None)
    seen = "not seen" if at is None else f"seen after {at - origin(timeline):.1f} s"
    return Row(absence.text, "must not be seen", seen, at is None)


def _page(declared: Expected, alert: str, timeline: Timeline) -> Row:
    start, limit = origin(timeline), declared.limit(alert)
    expected = f"within {limit:g} s"
    paged = timeline.first("paged", alert)
    if paged is None:
        return Row(f"page {alert}", expected, _seen_page(alert, timeline, start), False)
    # What an earlier fault has set off proves nothing of this one.
    if _begun(alert, timeline, paged) < start:
        return Row(f"page {alert}", expected, "it came before its fault, which proves nothing", False)
    return Row(f"page {alert}", expected, _seen_page(alert, timeline, start), paged - start <= limit)


def _begun(alert: str, timeline: Timeline, by: float) -> float:
    """Return when an alert that was told of at `by` began to hold: Unix time."""
    pending = [e.at for e in timeline.events if e.kind == "pending" and e.alert == alert and e.at <= by]
    return max(pending, default=by)


def _held_back(declared: Expected, alert: str, timeline: Timeline) -> Row:
    start, limit = origin(timeline), declared.limit(alert)
    what, expected = f"held back {alert}", f"fires within {limit:g} s and is not told of"
    if (paged := timeline.first("paged", alert)) is not None:
        return Row(what, expected, f"it was told of after {paged - start:.1f} s", False)
    held = timeline.first("held back", alert)
    if held is None:
        firing = timeline.first("firing", alert)
        seen = _seen_page(alert, timeline, start) if firing is None else "it fires, and nothing holds it back"
        return Row(what, expected, seen, False)
    if _begun(alert, timeline, held) < start:
        return Row(what, expected, "it fired before its fault, which proves nothing", False)
    return Row(what, expected, f"after {held - start:.1f} s", held - start <= limit)


def _resolved(declared: Expected, alert: str, timeline: Timeline, calm: float | None) -> Row:
    faulty = timeline.first("fault on") is not None
    off, resolved = timeline.last("fault off") if faulty else calm, timeline.first("resolved", alert)
    expected = f"within {declared.resolve_within:g} s of {'the fault' if faulty else 'its cause'}'s end"
    if resolved is None or off is None:
        return Row(f"resolved {alert}", expected, "not seen", False)
    took = max(0.0, resolved - off)
    return Row(f"resolved {alert}", expected, f"after {took:.1f} s", took <= declared.resolve_within)


def _seen_page(alert: str, timeline: Timeline, start: float) -> str:
    at = timeline.first("paged", alert)
    if at is not None:
        return f"after {at - start:.1f} s"
    reached = [kind for kind in ("firing", "pending") if alert in timeline.alerts(kind)]
    return f"it got no further than {reached[0]}" if reached else "it never became pending"
