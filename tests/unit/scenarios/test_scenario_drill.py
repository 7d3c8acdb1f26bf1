"""Many scenarios in one drill: which may run side by side, what the table and the report say, and the exit code."""

import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console
from typer.testing import CliRunner

from lab.cli import app
from lab.errors import LabError
from lab.query import wait_for
from lab.scenarios.drill.drill import execute
from lab.scenarios.drill.groups import Member, group_members
from lab.scenarios.run.context import Options
from loadtest.scenarios import catalogue as package
from loadtest.scenarios import registry
from loadtest.scenarios.declaration import ANY, Effect, Fault, Scenario, Stage
from loadtest.scenarios.registry import Broken
from tests.support.labs.stub_lab import ALERT, StubLab
from tests.support.servers.stub_server import serving


class Seen(Scenario):
    name = "seen"
    summary = "It breaks."
    faults = (Fault("model", "errors", at=0.1, duration=20),)
    effects = (Effect("it is seen", "effect", within=3),)
    duration = 0.5
    quick_duration = 0.5
    needs = ("assistant", "model", "prometheus", "pager")


class Unseen(Seen):
    name = "unseen"
    faults: ClassVar = ()
    effects = (Effect("it is never seen", "never", within=0.5),)


class NotHere(Seen):
    name = "not-here"
    needs = ("grafana",)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[StubLab]:
    with serving() as server:
        made = StubLab(server, tmp_path)
        made.pages = False
        state = json.loads(made.settings.state_file.read_text())
        made.settings.state_file.write_text(json.dumps(state | {"missing": {"grafana": "there is none here"}}))
        yield made


def drill(lab: StubLab, *scenarios: type[Scenario], broken: tuple[Broken, ...] = ()) -> tuple[int, str, Any]:
    out = io.StringIO()
    report = lab.settings.home / "drill.json"
    options = Options(seed=3, quick=True, report=report)
    code = execute(list(scenarios), list(broken), options, lab.settings, Console(file=out, width=150))
    return code, out.getvalue(), json.loads(report.read_text())


def test_all_are_run_and_reported_in_one_table(lab: StubLab) -> None:
    code, text, report = drill(lab, Seen, Unseen, NotHere)
    assert code == 1
    outcomes = {one["scenario"]: one["outcome"] for one in report["scenarios"]}
    assert outcomes == {"seen": "passed", "unseen": "failed", "not-here": "skipped"}
    assert (report["exit_code"], report["seed"], report["quick"]) == (1, 3, True)
    table = text[text.index("Drill") :]
    assert "✓ it is seen: after " in table
    assert "✗ it is never seen: not seen" in table
    assert "grafana (no dashboard can be looked at)" in text
    assert "1 of 3 passed" in text
    assert Path(report["scenarios"][0]["report"]).exists()


def test_what_cannot_be_here_fails_no_drill_and_a_broken_file_does(lab: StubLab) -> None:
    assert drill(lab, Seen, NotHere)[0] == 0
    code, text, report = drill(lab, NotHere, broken=(Broken("loadtest/scenarios/x.py", 7, "SyntaxError"),))
    assert code == 1
    assert report["broken"] == [{"file": "loadtest/scenarios/x.py", "line": 7, "reason": "SyntaxError"}]
    assert report["scenarios"][0]["outcome"] == "skipped"
    assert "loadtest/scenarios/x.py:7: SyntaxError" in text


def test_ctrl_c_ends_the_drill_and_the_rest_is_not_run(lab: StubLab) -> None:
    class Long(Seen):
        effects = (Effect("it is never seen", "never", within=60),)

    def interrupt() -> None:
        wait_for(lab.is_on, 10, every=0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    code, _, report = drill(lab, Long, Unseen)
    assert code == 130
    assert [one["outcome"] for one in report["scenarios"]] == ["stopped", "not run"]
    assert not lab.is_on()


def test_side_by_side_each_is_judged_alone_and_its_lines_bear_its_name(lab: StubLab) -> None:
    class One(Unseen):
        name = "one"
        exclusive_resources = ("memory",)

    class Other(Unseen):
        name = "other"
        exclusive_resources = ("admin API",)
        effects = (Effect("goes on", "effect-of-other", within=2, always=True),)

    code, text, report = drill(lab, One, Other)
    assert code == 1
    assert {one["scenario"]: one["outcome"] for one in report["scenarios"]} == {"one": "failed", "other": "passed"}
    assert "other                    0." in text


def member(name: str, **declared: Any) -> Member:
    scenario: type[Scenario] = type(name, (Scenario,), {"name": name, "summary": "x.", **declared})
    return Member(scenario, scenario.plan(1))


def test_only_those_that_cannot_be_confused_run_side_by_side() -> None:
    def names(*members: Member) -> list[list[str]]:
        return [[one.scenario.name for one in group] for group in group_members(members)]

    memory = member("memory", exclusive_resources=("memory",), expected_alerts=("MemoryHigh",))
    admin = member(
        "admin", exclusive_resources=("admin API",), expected_alerts=("AuthFailures",), allowed_alerts=("NewErrorKind",)
    )
    assert names(memory, admin) == [["memory", "admin"]]
    assert names(member("silent"), memory, member("silent2"), admin) == [["silent"], ["memory", "admin"], ["silent2"]]
    assert names(memory, member("same", exclusive_resources=("memory",))) == [["memory"], ["same"]]
    assert names(admin, member("alike", exclusive_resources=("x",), expected_alerts=("NewErrorKind",))) == [
        ["admin"],
        ["alike"],
    ]
    assert names(admin, member("strict", exclusive_resources=("x",), forbidden_alerts=("AuthFailures",))) == [
        ["admin"],
        ["strict"],
    ]
    stop = (Fault("engine", "stop", at=1, duration=5, target="loki"),)
    assert names(memory, member("stops", exclusive_resources=("logs",), faults=stop)) == [["memory"], ["stops"]]
    crowd = {"users": {"Customer": 1}, "shape": (Stage(0, 5),)}
    crowds = (
        member("crowd", exclusive_resources=("load",), **crowd),
        member("other crowd", exclusive_resources=("load",), **crowd),
    )
    assert names(memory, *crowds) == [["memory", "crowd"], ["other crowd"]]
    assert names(memory, member("end", exclusive_resources=("x",), last=True)) == [["memory"], ["end"]]
    late = [
        memory,
        member("late", exclusive_resources=("x",), min_uptime_seconds=600),
        member("y", exclusive_resources=("y",)),
    ]
    assert [[one.scenario.name for one in group] for group in group_members(late, frozenset({"late"}))] == [
        ["memory", "y"],
        ["late"],
    ]


def test_names_are_needed_or_all_but_not_both() -> None:
    for arguments in (["drill"], ["drill", "steady", "--all"]):
        error = CliRunner().invoke(app, arguments).exception
        assert isinstance(error, LabError)
        assert (error.message, error.exit_code) == ("Which scenarios?", 2)
    error = CliRunner().invoke(app, ["drill", "steedy"]).exception
    assert isinstance(error, LabError)
    assert "Did you mean `steady`?" in error.remedy


DECLARATIONS = {
    "too_strong": ('faults = (Fault("model", "errors", at=1, duration=5, intensity=1.5),)', "the intensity 1.5"),
    "endless": ('faults = (Fault("model", "errors", at=1, duration=7200),)', "lasts 7200 s"),
    "no_server": ('faults = (Fault("engine", "stop", at=1, duration=5),)', "with a server as target"),
    "no_summary": ("summary = None", "has no summary"),
    "no one": ('users = {"Customer": 1}', "`users` and `shape` go together"),
}


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_wrong_declaration_is_named_by_file_and_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, reason = DECLARATIONS[name]
    imported = '"""x"""\nfrom loadtest.scenarios.declaration import Fault, Scenario\n'
    source = f'{imported}\n\nclass Wrong(Scenario):\n    name = "{name}"\n'
    summary = "" if "summary" in line else '    summary = "x."\n'
    (tmp_path / f"{name}.py").write_text(f"{source}{summary}    {line}\n")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    found, broken = registry.find()
    (one,) = broken
    assert (one.file, one.line) == (f"loadtest/scenarios/catalogue/{name}.py", 5)
    assert reason in one.reason
    assert "steady" in found
    assert name not in found


def test_two_scenarios_of_one_name_are_distinguished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zz_twin.py").write_text(
        '"""x"""\nfrom loadtest.scenarios.declaration import Scenario\nclass Twin(Scenario):\n'
        '    name = "steady"\n    summary = "x."\n'
    )
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    (one,) = registry.find()[1]
    assert one.reason == "the name `steady` is taken by steady.py"


class Paging(Seen):
    name = "paging"
    expected_alerts = (ALERT,)
    resolve_within = 6
    page_within = 5
    needs = ("assistant", "model", "prometheus", "alertmanager", "pager")


def test_the_drill_goes_on_while_alerts_end_and_judges_them_when_they_did(lab: StubLab) -> None:
    class Meanwhile(Unseen):
        name = "meanwhile"
        effects = (Effect("goes on", "always", within=2, always=True),)
        forbidden_alerts = (ANY,)

    class Same(Meanwhile):
        name = "same-alert"
        allowed_alerts = (ALERT,)

    lab.pages, lab.resolves_after = True, 4.0
    code, text, report = drill(lab, Paging, Same, Meanwhile)
    assert code == 0
    assert {one["scenario"]: one["outcome"] for one in report["scenarios"]} == {
        "paging": "passed",
        "meanwhile": "passed",
        "same-alert": "passed",
    }
    # While its alert is, nothing begins that may set it off; what may not goes first.
    reported = [text.index(one) for one in ("meanwhile: It breaks", "paging: passed", "same-alert: It breaks")]
    assert reported == sorted(reported)
    (latency,) = report["scenarios"][0]["pages"]
    assert latency["resolved"] >= 4
    assert f"| {ALERT}" in text or ALERT in text[text.index("Seconds from the fault") :]


def test_an_alert_that_does_not_end_fails_its_scenario_though_the_drill_went_on(lab: StubLab) -> None:
    class Stuck(Paging):
        resolve_within = 1

    lab.pages, lab.resolves_after = True, 60.0
    code, _, report = drill(lab, Stuck)
    assert (code, report["scenarios"][0]["outcome"]) == (1, "failed")
    assert report["scenarios"][0]["reason"] == f"resolved {ALERT}: not seen"


def test_the_measured_times_are_written_as_a_table(lab: StubLab, tmp_path: Path) -> None:
    lab.pages = True
    table = tmp_path / "alerts.md"
    options = Options(quick=True, report=tmp_path / "r.json")
    assert execute([Paging], [], options, lab.settings, Console(file=io.StringIO()), table=table) == 0
    assert f"| {ALERT} | `paging` |" in table.read_text()
