"""Server programs and their tools, as native mode finds them."""

from pathlib import Path

import pytest

from lab.engines.native.install.programs import Missing, find
from lab.settings import LabSettings

_TOOLS = {"promtool": "prometheus", "amtool": "alertmanager"}


def program(name: str) -> Path:
    """The executable; a test that needs one that is not there is skipped, with the reason."""
    server = _TOOLS.get(name, name)
    found = find(server, LabSettings.load().values)
    if isinstance(found, Missing):
        pytest.skip(found.reason)
    path = found.path.resolve().with_name(name)
    if not path.is_file():
        pytest.skip(f"{name} is not in the folder of {found.path}")
    return path
