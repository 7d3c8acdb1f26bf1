"""The measured times: from the timeline to the latency of an alert, and into the table of the docs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.query import Endpoints, Lab
from lab.scenarios.judge import measured_times
from lab.scenarios.judge.alert_latency import HEARTBEAT, AlertLatency, measure
from lab.scenarios.observe.timeline import Event, Timeline
from tests.support.labs.stub_lab import ALERT, StubLab
from tests.support.servers.stub_server import serving

WAY = AlertLatency("Slow", "ticket", 10.4, 25.4, 45.6, None, 60.0, None, 10.4, 15.0, 20.0)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving() as server:
        yield Lab(Endpoints.of(StubLab(server, tmp_path).settings))


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
        Event(120, "notified", "", ALERT),
        Event(130, "fault off", ""),
        Event(142, "resolved", "", ALERT),
    )
    latency = measure(lab, timeline, ALERT)
    assert latency is not None
    assert (latency.pending, latency.firing, latency.notified, latency.resolved, latency.severity) == (
        5,
        10,
        15,
        12,
        "page",
    )
    assert (latency.first_failure, latency.crossing, latency.group_wait) == (2, 3, 0.1)
    assert latency.theoretical_minimum == pytest.approx(2 + 3 + latency.for_duration + 0.1)


def test_a_crowd_counts_from_its_first_user_and_failures_that_come_later_are_no_part_of_it(lab: Lab) -> None:
    timeline = of(
        Event(110, "pending", "", ALERT), Event(120, "notified", "", ALERT), Event(111, "first failure", ""),
        Event(150, "resolved", "", ALERT),
    )  # fmt: skip
    latency = measure(lab, timeline, ALERT, load_ended_at=140.0)
    assert latency is not None
    assert (latency.pending, latency.notified, latency.resolved, latency.first_failure, latency.crossing) == (
        10,
        20,
        10,
        None,
        10,
    )


def test_what_was_inhibited_has_no_page_and_what_never_came_no_way(lab: Lab) -> None:
    held = of(Event(105, "fault on", ""), Event(110, "pending", "", ALERT), Event(125, "inhibited", "", ALERT))
    latency = measure(lab, held, ALERT)
    assert latency is not None
    assert (latency.notified, latency.inhibited, latency.theoretical_minimum) == (None, 20, None)
    assert measure(lab, of(Event(105, "fault on", "")), ALERT) is None


def test_the_heartbeat_has_no_floor_because_its_silence_begins_before_the_fault(lab: Lab) -> None:
    latency = measure(lab, of(Event(105, "fault on", ""), Event(150, "notified", "", HEARTBEAT)), HEARTBEAT, silence=60)
    assert latency is not None
    assert (latency.notified, latency.for_duration, latency.theoretical_minimum) == (45, 60, None)


def test_the_table_replaces_what_is_between_its_marks(tmp_path: Path) -> None:
    docs = tmp_path / "docs" / "alerts.md"
    held = replace(WAY, alert="Held", notified=None, inhibited=50.0, resolved=None)
    text = measured_times.markdown([("slow", WAY), ("other", held)], quick=True, engine="native", at=0.0)
    assert text.startswith("Measured on 1970-01-01 with `lab drill --quick`, natively.\n")
    assert text.splitlines()[-2:] == [
        "| Held | `other` | 10 s | 25 s | inhibited | - | - |",
        "| Slow | `slow` | 10 s | 25 s | 46 s | 45 s | 60 s |",
    ]
    measured_times.write(docs, text)
    assert docs.read_text() == text

    docs.write_text("# Alerts\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")
    for _ in range(2):
        measured_times.write(docs, text)
    assert docs.read_text() == f"# Alerts\n<!-- measured: begin -->\n{text}<!-- measured: end -->\nafter\n"
