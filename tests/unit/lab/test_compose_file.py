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
        ("${EMPTY-default}", ""),
        ("${MISSING-default}", "default"),
        ("${A?needed}", "1"),
        ("no dollar here", "no dollar here"),
    ],
)
def test_variables_are_filled_as_compose_does(text: str, result: str) -> None:
    assert interpolate(text, {"A": "1", "EMPTY": ""}) == result


def test_a_variable_without_value_is_named() -> None:
    with pytest.raises(LabError, match="MISSING has no value"):
        interpolate("${MISSING}", {})


@pytest.mark.parametrize("text", ["$A", "a $ b", "${A", "${a}", "${A:+other}", "${A:-${B}}", "$", "${}"])
def test_a_dollar_that_only_compose_understands_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="cannot read the"):
        interpolate(text, {"A": "1"})


@pytest.mark.parametrize("text", ["${EMPTY:?}", "${MISSING?}", "${MISSING:?say}"])
def test_a_value_that_must_be_there_is_named(text: str) -> None:
    with pytest.raises(LabError, match="has no value"):
        interpolate(text, {"EMPTY": ""})


def names(tmp_path: Path, **values: str) -> str:
    path = tmp_path / "docker-compose.yml"
    path.write_text('a: "${GRAFANA_PORT} $${NOT_ONE} ${DATABASE_URL:-none}"')
    with pytest.raises(LabError) as caught:
        compose_file.check_names(path, values)
    assert "git show HEAD:.env" in caught.value.remedy
    return caught.value.message


def test_a_setting_that_is_missing_is_named_with_the_name_that_was_meant(tmp_path: Path) -> None:
    assert names(tmp_path, LAB_ENGINE="").endswith("GRAFANA_PORT is missing")
    assert "GRAFANA_PORT is missing, but there is an unused GRAFANA_PROT" in names(tmp_path, GRAFANA_PROT="1")
    said = names(tmp_path, GRAFANA_PORT="1", DATABASE_ULR="x", LAB_ENGIN="native")
    assert "DATABASE_URL is missing, but there is an unused DATABASE_ULR" in said
    assert "LAB_ENGINE is missing, but there is an unused LAB_ENGIN" in said


def test_settings_of_ones_own_and_those_with_a_default_need_not_be_known(tmp_path: Path) -> None:
    path = tmp_path / "docker-compose.yml"
    path.write_text('a: "${GRAFANA_PORT} ${DATABASE_URL:-none}"')

    compose_file.check_names(path, {"GRAFANA_PORT": "1", "MY_OWN": "x"})


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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: b",
        "services: []",
        "services: {a: }",
        "services: {a: {ports: ['3100:3100']}}",
        "services: {a: {environment: [A=1]}}",
        "services: {a: {stop_grace_period: 1m30s}}",
        "services: {a: {volumes: [/only]}}",
    ],
)
def test_a_form_that_the_lab_does_not_read_is_reported(tmp_path: Path, text: str) -> None:
    path = tmp_path / "docker-compose.yml"
    path.write_text(text)

    with pytest.raises(LabError, match="has a form that the lab does not read"):
        compose_file.load(path, {})
