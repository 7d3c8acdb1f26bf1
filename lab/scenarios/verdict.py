"""Compares what a scenario declares with what came."""

from dataclasses import dataclass

from lab.scenarios.timeline import Timeline
from loadtest.scenario import ANY, Effect, Scenario


@dataclass(frozen=True)
class Row:
    """One expectation: what was expected, what was seen, and whether that is as declared."""

    what: str
    expected: str
    seen: str
    ok: bool


def judge(scenario: type[Scenario], timeline: Timeline) -> list[Row]:
    """Return a row for each effect and alert that the scenario declares, and for each alert that it does not."""
    origin = timeline.first("fault on") or timeline.started_at
    rows = [_effect(effect, timeline, origin) for effect in scenario.effects]
    for alert in scenario.must:
        rows += _must(scenario, alert, timeline, origin)
    paged = timeline.alerts("paged")
    forbidden = [name for name in scenario.must_not if name != ANY]
    rows += [
        Row(f"page {name}", "must not come", _seen_page(name, timeline, origin), False)
        for name in paged
        if name in forbidden
    ]
    others = [name for name in paged if name not in (*scenario.must, *scenario.may, *forbidden)]
    strict = ANY in scenario.must_not
    rows += [
        Row(
            f"page {name}",
            "must not come" if strict else "not declared",
            _seen_page(name, timeline, origin),
            not strict,
        )
        for name in others
    ]
    rows += [
        Row(f"page {name}", "may come", _seen_page(name, timeline, origin), True)
        for name in paged
        if name in scenario.may
    ]
    if scenario.must_not and all(row.ok for row in rows if row.expected == "must not come"):
        what = "any other page" if strict else ", ".join(forbidden)
        rows.append(Row(what, "must not come", "none came", True))
    return rows


def _effect(effect: Effect, timeline: Timeline, origin: float) -> Row:
    at = next((event.at for event in timeline.events if event.kind == "effect" and event.text == effect.text), None)
    expected = f"within {effect.within:g} s"
    if at is None:
        return Row(effect.text, expected, "not seen", False)
    return Row(effect.text, expected, f"after {at - origin:.1f} s", at - origin <= effect.within)


def _must(scenario: type[Scenario], alert: str, timeline: Timeline, origin: float) -> list[Row]:
    paged = timeline.first("paged", alert)
    page = Row(
        f"page {alert}",
        f"within {scenario.page_within:g} s",
        _seen_page(alert, timeline, origin),
        paged is not None and paged - origin <= scenario.page_within,
    )
    off, resolved = timeline.last("fault off"), timeline.first("resolved", alert)
    expected = f"within {scenario.resolve_within:g} s of the fault's end"
    if resolved is None or off is None:
        return [page, Row(f"resolved {alert}", expected, "not seen", False)]
    took = max(0.0, resolved - off)
    return [page, Row(f"resolved {alert}", expected, f"after {took:.1f} s", took <= scenario.resolve_within)]


def _seen_page(alert: str, timeline: Timeline, origin: float) -> str:
    at = timeline.first("paged", alert)
    if at is not None:
        return f"after {at - origin:.1f} s"
    reached = [kind for kind in ("firing", "pending") if alert in timeline.alerts(kind)]
    return f"it got no further than {reached[0]}" if reached else "it never became pending"
