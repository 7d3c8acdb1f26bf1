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
        rows += _must(expected, alert, timeline, calm)
    paged = [name for name in timeline.alerts("paged") if name in expected.must or name not in others_alerts]
    forbidden = [name for name in expected.must_not if name != ANY]
    rows += [
        Row(f"page {name}", "must not come", _seen_page(name, timeline, start), False)
        for name in paged
        if name in forbidden
    ]
    others = [name for name in paged if name not in (*expected.must, *expected.may, *forbidden)]
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


def _must(declared: Expected, alert: str, timeline: Timeline, calm: float | None) -> list[Row]:
    start = origin(timeline)
    paged = timeline.first("paged", alert)
    page = Row(
        f"page {alert}",
        f"within {declared.page_within:g} s",
        _seen_page(alert, timeline, start),
        paged is not None and paged - start <= declared.page_within,
    )
    faulty = timeline.first("fault on") is not None
    off, resolved = timeline.last("fault off") if faulty else calm, timeline.first("resolved", alert)
    expected = f"within {declared.resolve_within:g} s of {'the fault' if faulty else 'its cause'}'s end"
    if resolved is None or off is None:
        return [page, Row(f"resolved {alert}", expected, "not seen", False)]
    took = max(0.0, resolved - off)
    return [page, Row(f"resolved {alert}", expected, f"after {took:.1f} s", took <= declared.resolve_within)]


def _seen_page(alert: str, timeline: Timeline, start: float) -> str:
    at = timeline.first("paged", alert)
    if at is not None:
        return f"after {at - start:.1f} s"
    reached = [kind for kind in ("firing", "pending") if alert in timeline.alerts(kind)]
    return f"it got no further than {reached[0]}" if reached else "it never became pending"
