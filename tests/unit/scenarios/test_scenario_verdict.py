"""The judge on alerts that last, are inhibited, have a time of their own, or were there before."""

from typing import ClassVar

from lab.query import NotifiedAlert, RuleAlert
from lab.scenarios.judge.verdict import judge
from lab.scenarios.observe.alert_observer import AlertObserver, Baseline
from lab.scenarios.observe.timeline import Event, Timeline
from loadtest.scenarios.declaration import ANY, Scenario

ON, OFF = Event(10, "fault on", ""), Event(100, "fault off", "")


class Declared(Scenario):
    name = "declared"
    summary = "Several alerts."
    expected_alerts = ("Must",)
    expected_without_resolve = ("Lasting",)
    inhibited_alerts = ("Held",)
    forbidden_alerts = (ANY,)
    within: ClassVar = {"Lasting": 300, "Held": 120}


GOOD = (
    ON,
    Event(20, "pending", "", "Must"),
    Event(60, "notified", "", "Must"),
    Event(110, "resolved", "", "Must"),
    Event(300, "notified", "", "Lasting"),
    Event(90, "pending", "", "Held"),
    Event(120, "inhibited", "", "Held"),
    OFF,
)


def verdict(*events: Event) -> dict[str, tuple[bool, str]]:
    timeline = Timeline(0.0)
    for event in events:
        timeline.add(event)
    return {row.what: (row.ok, row.seen) for row in judge(Declared.plan(1).expected, timeline)}


def without(*left_out: Event) -> list[Event]:
    return [event for event in GOOD if event not in left_out]


def test_each_alert_is_held_to_its_own_time_and_a_lasting_one_need_not_resolve() -> None:
    found = verdict(*GOOD)
    assert all(ok for ok, _ in found.values()), found
    assert set(found) == {"page Must", "resolved Must", "page Lasting", "inhibited Held", "any other page"}
    late = verdict(*without(GOOD[4]), Event(311, "notified", "", "Lasting"))
    assert late["page Lasting"] == (False, "after 301.0 s")
    assert verdict(*without(GOOD[4]))["page Lasting"][0] is False


def test_what_came_before_its_fault_proves_nothing() -> None:
    early = verdict(*without(GOOD[1]), Event(9, "pending", "", "Must"))
    assert early["page Must"] == (False, "already pending before the fault (not counted)")
    reported_before = verdict(*without(*GOOD[1:3]), Event(9.5, "notified", "", "Must"))
    assert reported_before["page Must"][0] is False
    # It resolved and fired again.
    again = verdict(*GOOD, Event(9, "pending", "", "Must"))
    assert again["page Must"][0] is True


def test_what_must_be_inhibited_must_fire_and_no_one_may_be_reported() -> None:
    reported = verdict(*GOOD, Event(130, "notified", "", "Held"))
    assert reported["inhibited Held"] == (False, "notified after 120.0 s")
    unheld = verdict(*without(GOOD[6]), Event(95, "firing", "", "Held"))
    assert unheld["inhibited Held"] == (False, "fires without being inhibited")
    assert verdict(*without(GOOD[5], GOOD[6]))["inhibited Held"] == (False, "never pending")
    late = verdict(*without(GOOD[6]), Event(131, "inhibited", "", "Held"))
    assert late["inhibited Held"] == (False, "after 121.0 s")
    before = verdict(*without(GOOD[5]), Event(9, "pending", "", "Held"))
    assert before["inhibited Held"][0] is False


def test_an_alert_is_inhibited_when_alertmanager_says_so() -> None:
    def seen(name: str, *by: str) -> NotifiedAlert:
        labels = {"alertname": name, "service": "assistant"}
        return NotifiedAlert(name, "suppressed" if by else "active", labels, {}, 1.0, None, (), by, ("application",))

    watch = AlertObserver(Baseline(frozenset(), ()))

    def events(*alerts: NotifiedAlert) -> list[tuple[str, str]]:
        return [(one.kind, one.alert) for one in watch.alertmanager(list(alerts), ("Held",), 5.0)]

    assert events(seen("Held")) == []
    assert events(seen("Held", "f1"), seen("Other", "f1")) == [("inhibited", "Held")]
    assert events(seen("Held", "f1")) == []


def test_alerts_of_the_logs_and_of_metrics_do_not_end_each_other() -> None:
    def alert(name: str) -> RuleAlert:
        return RuleAlert(name, "firing", {"alertname": name, "severity": "ticket"}, {}, 3.0)

    watch = AlertObserver(Baseline(frozenset(), (), log_alerts=(alert("Old"),)))
    assert [e.kind for e in watch.rule_alerts("Loki", [alert("Old"), alert("New")], 5.0)] == ["pending", "firing"]
    assert list(watch.rule_alerts("Prometheus", [], 6.0)) == []
    assert [(e.kind, e.text) for e in watch.rule_alerts("Loki", [alert("Old")], 7.0)] == [
        ("cleared", "New no longer holds in Loki")
    ]


def test_active_alerts_are_open_pending_or_firing_anywhere() -> None:
    def alert(name: str) -> RuleAlert:
        return RuleAlert(name, "pending", {"alertname": name}, {}, 3.0)

    before = Baseline(frozenset({"1@2"}), (alert("A"),), log_alerts=(alert("B"),), open=frozenset({("C", "loki")}))
    assert before.active_alerts == {"A", "B", "C"}
    assert before.active_for(["loki", "assistant"]) == {"A", "B", "C"}
    assert before.active_for(["assistant"]) == {"A", "B"}, "these are of no service in particular"
