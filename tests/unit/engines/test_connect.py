"""Clients of a lab: the admin token, and settings that are incomplete."""

from pathlib import Path

import pytest

from lab.engines.choice import connect
from lab.errors import LabError
from lab.settings import ROOT, LabSettings


def test_incomplete_settings_are_reported_by_name(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="PYTHON_VERSION has no value"):
        connect(LabSettings(ROOT, tmp_path, {}))


def test_without_a_running_lab_the_token_is_empty(tmp_path: Path) -> None:
    settings = LabSettings.load({"LAB_HOME": str(tmp_path)})
    assert connect(settings).endpoints.admin_token == ""
