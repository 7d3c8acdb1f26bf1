"""A variable of the shell that wins over `.env` is named when the lab starts, without its value."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lab import envfile
from lab.cli import app
from lab.commands import restart, up
from lab.engines.choice import Choice
from lab.settings import ROOT, LabSettings
from tests.unit.lab.stub_engine import StubEngine

PASSWORD = "hunter2-marker"
URL = f"postgresql+psycopg://lab:{PASSWORD}@db.example/lab"
VALUES = envfile.read(ROOT / ".env", {})


@pytest.fixture
def stub_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    for key in (*VALUES, "no_proxy", "MODEL_API_KEY"):
        monkeypatch.delenv(key, raising=False)
    for module in (up, restart):
        monkeypatch.setattr(module, "choose", lambda settings: Choice(StubEngine(settings), "of the test"))
    monkeypatch.setattr(restart, "require_valid_configuration", lambda _: None)


@pytest.mark.parametrize("command", ["up", "restart"])
@pytest.mark.usefixtures("stub_engine")
def test_the_start_names_what_wins_over_the_file(command: str) -> None:
    shell = {"PYTHON_VERSION": "3.12.1", "DATABASE_URL": URL, "LOG_LEVEL": VALUES["LOG_LEVEL"], "UNRELATED": "1"}

    said = CliRunner().invoke(app, [command], env=shell)

    assert said.exit_code == 0, said.output
    assert "Set in the shell, which wins over .env: PYTHON_VERSION, DATABASE_URL.\n" in said.output
    assert PASSWORD not in said.output
    assert "3.12.1" not in said.output


@pytest.mark.parametrize("command", ["up", "restart"])
@pytest.mark.usefixtures("stub_engine")
def test_the_start_is_silent_where_the_file_decides(command: str) -> None:
    said = CliRunner().invoke(app, [command], env={"LOG_LEVEL": VALUES["LOG_LEVEL"]})

    assert said.exit_code == 0, said.output
    assert "shell" not in said.output


@given(st.dictionaries(st.sampled_from([*VALUES, "HOME", "PATH"]), st.sampled_from(["", "1", "INFO", "3000"])))
def test_exactly_the_settings_with_another_value_are_named(shell: dict[str, str]) -> None:
    named = envfile.overridden(ROOT / ".env", shell)

    assert set(named) == {key for key in VALUES if key in shell and shell[key] != VALUES[key]}
    assert named == [key for key in VALUES if key in named]


def test_hosts_without_a_proxy_are_named_in_either_spelling(tmp_path: Path) -> None:
    home = {"LAB_HOME": str(tmp_path)}

    assert LabSettings.load({**home, "no_proxy": "a.example"}).overridden == ("NO_PROXY",)
    assert LabSettings.load(home).overridden == ()
