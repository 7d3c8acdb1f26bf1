"""The measured times: from the timeline to the way of an alert, and into the table of the docs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.query import Endpoints, Lab
from lab.scenarios import measured
from lab.scenarios.floor import HEARTBEAT, Way, measure
from lab.scenarios.timeline import Event, Timeline
from tests.support.stand_in import serving
from tests.support.whole_lab import ALERT, WholeLab

WAY = Way("Slow", "ticket", 10.4, 25.4, 45.6, None, 60.0, None, 10.4, 15.0, 20.0)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving() as server:
        yield Lab(Endpoints.of(WholeLab(server, tmp_path).settings))


def of(*events: Event) -> Timeline:
    timeline = Timeline(100.0)
    for event in events:
        timeline.add(event)
    return timeline


def test_the_way_counts_from_the_fault_and_resolved_from_its_end(lab: Lab) -> None:
    timeline = of(
        Event(105, "fault on", ""),
        Event(107, "first failure", ""),
        Event(110, "pending", "", ALERT),
        Event(115, "firing", "", ALERT),
        Event(120, "paged", "", ALERT),
        Event(130, "fault off", ""),
        Event(142, "resolved", "", ALERT),
    )
    way = measure(lab, timeline, ALERT)
    assert way is not None
    assert (way.pending, way.firing, way.paged, way.resolved, way.severity) == (5, 10, 15, 12, "page")
    assert (way.first_failure, way.crossing, way.group_wait) == (2, 3, 0.1)
    assert way.floor == pytest.approx(2 + 3 + way.hold + 0.1)


def test_a_crowd_counts_from_its_first_user_and_failures_that_come_later_are_no_part_of_it(lab: Lab) -> None:
    timeline = of(
        Event(110, "pending", "", ALERT), Event(120, "paged", "", ALERT), Event(111, "first failure", ""),
        Event(150, "resolved", "", ALERT),
    )  # fmt: skip
    way = measure(lab, timeline, ALERT, calm=140.0)
    assert way is not None
    assert (way.pending, way.paged, way.resolved, way.first_failure, way.crossing) == (10, 20, 10, None, 10)


def test_what_was_held_back_has_no_page_and_what_never_came_no_way(lab: Lab) -> None:
    held = of(Event(105, "fault on", ""), Event(110, "pending", "", ALERT), Event(125, "held back", "", ALERT))
    way = measure(lab, held, ALERT)
    assert way is not None
    assert (way.paged, way.held_back, way.floor) == (None, 20, None)
    assert measure(lab, of(Event(105, "fault on", "")), ALERT) is None


def test_the_heartbeat_has_no_floor_because_its_silence_begins_before_the_fault(lab: Lab) -> None:
    way = measure(lab, of(Event(105, "fault on", ""), Event(150, "paged", "", HEARTBEAT)), HEARTBEAT, silence=60)
    assert way is not None
    assert (way.paged, way.hold, way.floor) == (45, 60, None)


def test_the_table_replaces_what_stands_between_its_marks(tmp_path: Path) -> None:
    docs = tmp_path / "docs" / "alerts.md"
    held = replace(WAY, alert="Held", paged=None, held_back=50.0, resolved=None)
    text = measured.markdown([("slow", WAY), ("other", held)], quick=True, engine="native", at=0.0)
    assert text.startswith("Measured on 1970-01-01 with `lab drill --quick`, natively.\n")
    assert text.splitlines()[-2:] == [
        "| Held | `other` | 10 s | 25 s | held back | - | - |",
        "| Slow | `slow` | 10 s | 25 s | 46 s | 45 s | 60 s |",
    ]
    measured.write(docs, text)
    assert docs.read_text() == text

    docs.write_text("# Alerts\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")
    for _ in range(2):
        measured.write(docs, text)
    assert docs.read_text() == f"# Alerts\n<!-- measured: begin -->\n{text}<!-- measured: end -->\nafter\n"
