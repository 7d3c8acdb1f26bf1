"""The words and exit codes of `lab exercise`, without a lab."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.commands.exercise import app
from lab.errors import LabError
from lab.exercises import session
from lab.settings import LabSettings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


def refused(*arguments: str) -> LabError:
    error = CliRunner().invoke(app, list(arguments)).exception
    assert isinstance(error, LabError)
    return error


def test_list_reports_how_far_one_is(home: Path) -> None:
    assert "follow-one-request" in CliRunner().invoke(app, ["list"], env={"COLUMNS": "150"}).stdout
    own = session.new("follow-one-request")
    own.checks = 2
    session.save(home, own)
    assert "started, 2 checks" in CliRunner().invoke(app, ["list"], env={"COLUMNS": "150"}).stdout


def test_without_a_lab_or_a_session_it_says_what_to_do(home: Path) -> None:
    assert refused("start", "1").message == "The lab does not run."
    assert "lab exercise start follow-one-request" in refused("check", "1").remedy


@pytest.mark.parametrize("given", ["trace", "colour=3"])
def test_an_answer_that_cannot_be_read_is_reported_what_is_asked_for(home: Path, given: str) -> None:
    session.save(home, session.new("follow-one-request"))
    error = refused("check", "1", "--answer", given)
    assert (error.exit_code, "trace=..., tool=..., tokens=..." in error.remedy) == (2, True)


def test_hints_come_one_at_a_time_and_stay(home: Path) -> None:
    session.save(home, session.new("follow-one-request"))
    seen = [CliRunner().invoke(app, ["hint", "1"]).stdout for _ in range(5)]
    assert [text.count("Hint ") for text in seen] == [1, 2, 3, 4, 4]
    assert "This was the last hint" in seen[-1]
    assert LabSettings.load().home == home


def test_reset_forgets(home: Path) -> None:
    session.save(home, session.new("follow-one-request"))
    assert "is reset" in CliRunner().invoke(app, ["reset", "1"]).stdout
    assert session.load(home, "follow-one-request") is None
    assert "was not started" in CliRunner().invoke(app, ["reset", "1"]).stdout
