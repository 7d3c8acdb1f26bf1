"""A password in a setting is in no output of the lab command, and in no file that others may read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.commands import doctor, restart, status, up
from lab.engines.choice import Choice
from lab.engines.native.engine import NativeEngine
from lab.engines.native.install.programs import Found
from lab.errors import LabError
from lab.settings import LabSettings, State
from tests.unit.lab.stub_engine import StubEngine

MARKER = "Hunter2Marker"
URL = f"postgresql+psycopg://lab:{MARKER}@127.0.0.1:9/lab"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    environment = {"LAB_HOME": str(tmp_path), "DATABASE_URL": URL, "LAB_ENGINE": "native"}
    for module in (up, restart, status, doctor):
        monkeypatch.setattr(module, "choose", lambda settings: Choice(StubEngine(settings), "of the test"))
    monkeypatch.setattr(restart, "require_valid_configuration", lambda _: None)
    return environment


def readable_by_others(folder: Path) -> list[Path]:
    """Files below the folder that have the marker, and that another user may read."""
    files = [path for path in folder.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()]
    assert files, "it is kept somewhere: the lab runs with it"
    return [path for path in files if path.stat().st_mode & 0o077]


def test_no_command_prints_it(shell: dict[str, str], tmp_path: Path) -> None:
    for command in (["up"], ["up"], ["restart"], ["status"], ["doctor"], ["logs"], ["check"]):
        said = CliRunner().invoke(app, command, env=shell)

        assert MARKER not in said.output + repr(said.exception), command
    assert readable_by_others(tmp_path) == []


@pytest.mark.parametrize("mistake", [{"GRAFANA_PORT": "x"}, {"LOG_LEVEL": "x"}, {"DATABASE_URL": f"{URL}\n"}])
def test_no_error_about_settings_prints_it(shell: dict[str, str], mistake: dict[str, str]) -> None:
    said = CliRunner().invoke(app, ["up"], env=shell | mistake)

    assert isinstance(said.exception, LabError)
    assert MARKER not in said.output + said.exception.message + said.exception.remedy


def test_what_a_native_lab_writes_is_for_its_owner(shell: dict[str, str], tmp_path: Path) -> None:
    settings = LabSettings.load(shell)
    engine = NativeEngine(settings)
    found = Found(Path("/usr/bin/true"), "1", "PATH")
    without_home = {name: found for name in engine.services if name != "grafana"}
    for name in without_home:
        engine.derivation(name).write(settings, ())
    engine._configure(without_home, ())
    State("native", 1.0, dict(settings.values), {}).write(settings)

    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} >= {"state.json", "supervisord.conf"}
    assert readable_by_others(tmp_path) == []


def test_the_state_file_of_an_older_version_becomes_private(shell: dict[str, str]) -> None:
    settings = LabSettings.load(shell)
    settings.home.mkdir(exist_ok=True)
    settings.state_file.write_text("{}")
    settings.state_file.chmod(0o644)

    state = State("native", 1.0, dict(settings.values), {})
    state.write(settings)

    assert settings.state_file.stat().st_mode & 0o777 == 0o600
    assert json.loads(settings.state_file.read_text())["values"]["DATABASE_URL"] == URL
    assert MARKER not in repr(state) + repr(settings)


@pytest.mark.parametrize("url", [URL, "https://user:Hunter2Marker@mirror.example/lab", "http://u:a/b?Hunter2Marker@h"])
def test_an_error_never_shows_the_password_of_a_url(url: str) -> None:
    error = LabError(f"{url} answers 403", f"Look at {url}.")

    assert MARKER not in error.message + error.remedy + str(error) + repr(error)
    assert "****@" in error.message
