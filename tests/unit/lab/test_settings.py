from pathlib import Path

import pytest

from lab.engines.choice import current_engine
from lab.errors import LabError
from lab.settings import LabSettings, State


def test_a_running_lab_keeps_the_values_it_was_started_with(tmp_path: Path) -> None:
    shell = {"LAB_HOME": str(tmp_path), "GRAFANA_PORT": "3999"}
    started = LabSettings.load(shell)
    State("native", 1.0, dict(started.values), {}).write(started)

    assert LabSettings.running({"LAB_HOME": str(tmp_path)}).url("grafana") == "http://127.0.0.1:3999"


def test_a_setting_that_is_newer_than_the_running_lab_has_its_default(tmp_path: Path) -> None:
    settings = LabSettings.load({"LAB_HOME": str(tmp_path)})
    older = {key: value for key, value in settings.values.items() if key != "CONVERSATION_HOURS"}
    State("native", 1.0, older, {}).write(settings)

    running = LabSettings.running({"LAB_HOME": str(tmp_path)})

    assert running.values["CONVERSATION_HOURS"] == settings.values["CONVERSATION_HOURS"]


def test_half_a_state_file_is_no_running_lab(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"engine": "nat')

    assert LabSettings.running({"LAB_HOME": str(tmp_path)}).engine() is None


def test_an_unknown_service_is_an_error() -> None:
    with pytest.raises(LabError, match="no service `graphana`"):
        LabSettings.load({}).url("graphana")


def test_a_secret_before_the_first_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no secret `admin_token`"):
        current_engine(LabSettings.load({"LAB_HOME": str(tmp_path)})).read_secret("admin_token")
