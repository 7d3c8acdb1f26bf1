from pathlib import Path

import pytest

from lab import compose_file
from lab.compose_file import interpolate
from lab.envfile import read
from lab.errors import LabError
from lab.settings import ROOT


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${A}", "1"),
        ("x${A}y${B:-2}z", "x1y2z"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("$$__file{/a}", "$__file{/a}"),
        ("$${A}", "${A}"),
        ("no variable $ here", "no variable $ here"),
    ],
)
def test_variables_are_filled_as_compose_does(text: str, result: str) -> None:
    assert interpolate(text, {"A": "1", "EMPTY": ""}) == result


def test_a_variable_without_value_is_named() -> None:
    with pytest.raises(LabError, match="MISSING has no value"):
        interpolate("${MISSING}", {})


def test_the_services_of_the_lab_are_read() -> None:
    services = compose_file.load(ROOT / "docker-compose.yml", read(ROOT / ".env", {}))

    assert services["assistant"].ports == {5001: 5001}
    assert services["collector"].ports[8888] == 8888, "ports that compose keeps inside come from x-native"
    assert not services["postgres"].runs_natively
    assert services["tempo"].stop_seconds == 5
    mounts = {mount.target: mount for mount in services["prometheus"].mounts}
    assert mounts["/etc/prometheus"].bind
    assert not mounts["/prometheus"].bind


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "docker-compose.yml"
    path.write_text("services: [")

    with pytest.raises(LabError, match="is not YAML"):
        compose_file.load(path, {})
