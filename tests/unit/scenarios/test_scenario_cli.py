"""The words and exit codes of `lab scenario`, and the small judgements behind them, without a lab."""

import io
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from lab.commands.scenario import app
from lab.errors import LabError
from lab.query import Incident, RuleAlert
from lab.scenarios.judge.alert_latency import route_group_wait
from lab.scenarios.judge.verdict import judge
from lab.scenarios.observe.alert_observer import AlertObserver, Baseline
from lab.scenarios.observe.timeline import Event, Timeline
from lab.scenarios.screen import Screen
from loadtest.scenarios import registry
from loadtest.scenarios.declaration import Scenario

ROOT = Path(__file__).parents[3]


def test_list_and_show_report_every_scenario() -> None:
    listed = CliRunner().invoke(app, ["list"], env={"COLUMNS": "150"})
    assert listed.exit_code == 0
    for name, scenario in registry.find()[0].items():
        assert name in listed.stdout
        shown = CliRunner().invoke(app, ["show", name], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        assert scenario.summary in shown.stdout
        assert all(alert in shown.stdout for alert in scenario.expected_alerts)


def test_an_unknown_scenario_is_wrong_input_with_the_nearest_name() -> None:
    error = CliRunner().invoke(app, ["run", "provider-outge"]).exception
    assert isinstance(error, LabError)
    assert (error.exit_code, "Did you mean `provider-outage`?" in error.remedy) == (2, True)


def test_the_group_wait_is_that_of_the_route_the_alert_takes() -> None:
    route = yaml.safe_load((ROOT / "alertmanager" / "alertmanager.yml").read_text())["route"]
    symptom = {"alertname": "ErrorRateCritical", "severity": "page", "role": "symptom", "service": "assistant"}
    assert route_group_wait(route, symptom) == 20
    assert route_group_wait(route, symptom | {"role": "cause"}) == 5
    assert route_group_wait(route, {"alertname": "Watchdog"}) == 0


@pytest.mark.parametrize(
    ("matcher", "meets"),
    [('a="x"', True), ("a=y", False), ('a!="y"', True), ('a=~"x|y"', True), ('a!~"x.*"', False), ('b=""', True)],
)
def test_matchers_are_read_as_alertmanager_reads_them(matcher: str, meets: bool) -> None:
    route = {"group_wait": "1m", "routes": [{"matchers": [matcher], "group_wait": "1m30s"}]}
    assert route_group_wait(route, {"a": "x"}) == (90 if meets else 60)


def alert(name: str, state: str, severity: str = "page") -> RuleAlert:
    return RuleAlert(name, state, {"alertname": name, "severity": severity, "service": "s"}, {}, 90.0)


def incident(number: int, status: str = "open", opened: float = 100.0) -> Incident:
    return Incident(str(number), "A", "page", "s", status, opened, opened + 5, 120.0 if status != "open" else None, ())


def test_only_what_is_new_becomes_an_event_and_each_thing_once() -> None:
    watch = AlertObserver(Baseline(frozenset({"1@100.0"}), (alert("Active", "firing"),)))

    def kinds(*alerts: RuleAlert) -> list[tuple[str, str, float]]:
        return [
            (event.kind, event.alert, event.at) for event in watch.rule_alerts("Prometheus", list(alerts), now=100.0)
        ]

    active, heartbeat = alert("Active", "firing"), alert("Watchdog", "firing", "none")
    assert kinds(active, heartbeat) == []
    assert kinds(active, alert("A", "pending")) == [("pending", "A", 90.0)]
    assert kinds(active, alert("A", "firing")) == [("firing", "A", 100.0)]
    assert kinds(active, alert("A", "firing")) == []
    assert kinds() == [("cleared", "Active", 100.0), ("cleared", "A", 100.0)]
    assert kinds(alert("B", "firing")) == [("pending", "B", 90.0), ("firing", "B", 100.0)]

    def pages(*incidents: Incident) -> list[tuple[str, float]]:
        return [(event.kind, event.at) for event in watch.pager(list(incidents))]

    assert pages(incident(1)) == []
    assert pages(incident(1), incident(2)) == [("notified", 105.0)]
    assert pages(incident(2, "resolved")) == [("resolved", 120.0)]
    assert pages(incident(2, "resolved"), incident(2, opened=130.0)) == [("notified", 135.0)]


class Both(Scenario):
    name = "both"
    summary = "Both."
    expected_alerts = ("Must",)
    allowed_alerts = ("May",)
    forbidden_alerts = ("Not",)


def verdict(*events: Event) -> dict[str, bool]:
    timeline = Timeline(0.0)
    for event in events:
        timeline.add(event)
    return {row.what: row.ok for row in judge(Both.plan(1).expected, timeline)}


def test_expected_allowed_and_forbidden_alerts() -> None:
    good = [
        Event(10, "fault on", ""),
        Event(69, "notified", "", "Must"),
        Event(100, "fault off", ""),
        Event(249, "resolved", "", "Must"),
    ]
    assert all(verdict(*good, Event(70, "notified", "", "May")).values())
    assert verdict(*good, Event(70, "notified", "", "Not"))["page Not"] is False
    assert verdict(*good, Event(70, "notified", "", "Other"))["page Other"] is True  # not declared, and reported
    late = [good[0], Event(71, "notified", "", "Must"), *good[2:]]
    assert verdict(*late)["page Must"] is False
    unresolved = good[:3]
    assert verdict(*unresolved)["resolved Must"] is False
    slow = [*good[:3], Event(251, "resolved", "", "Must")]
    assert verdict(*slow)["resolved Must"] is False


def test_a_terminal_gets_the_live_table_and_a_file_gets_lines() -> None:
    timeline = Timeline(100.0)
    event = Event(104.25, "notified", "incident 2", "A")
    plain = io.StringIO()
    Screen(Console(file=plain, width=100), "title", timeline).show(event)
    assert plain.getvalue() == "    4.2 s  notified       incident 2\n"
    drawn = io.StringIO()
    console = Console(file=drawn, width=100, force_terminal=True, color_system=None)
    screen = Screen(console, "title", timeline)
    with screen.live():
        timeline.add(event)
        screen.show(event)
        screen.stats.users = 17
    assert "users 17" in drawn.getvalue()
    assert "incident 2" in drawn.getvalue()
