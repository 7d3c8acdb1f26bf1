"""Data of another version are named, by both engines; a recreated volume has no history."""

from pathlib import Path

import pytest

from lab import compose_file
from lab.compose_file import Service
from lab.engines import volume_versions
from lab.engines.engine import Diagnosis
from lab.engines.native.engine import NativeEngine
from lab.settings import LabSettings

THERE = {"postgres-data": "2026-01-01T10:00:00Z", "grafana-data": "2026-01-01T10:00:01Z", "pager-data": "x"}


def lab(home: Path, **versions: str) -> tuple[LabSettings, dict[str, Service]]:
    settings = LabSettings.load({"LAB_HOME": str(home), **versions})
    return settings, compose_file.load(settings.root / "docker-compose.yml", settings.values)


def conflicts(home: Path, there: dict[str, str] = THERE, **versions: str) -> list[Diagnosis]:
    settings, services = lab(home, **versions)
    return volume_versions.conflicts(settings, "compose", services, there)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A lab whose volumes were written by these versions."""
    settings, services = lab(tmp_path, POSTGRES_VERSION="17.6", GRAFANA_VERSION="12.4.3", LAB_VERSION="0.2.0")
    volume_versions.record(settings, "compose", services, THERE)
    return tmp_path


def test_every_server_keeps_its_data_in_a_volume_of_its_own(tmp_path: Path) -> None:
    assert volume_versions.data_volumes(lab(tmp_path)[1]) == {
        f"{name}-data": name
        for name in (
            "assistant",
            "pager",
            "postgres",
            "collector",
            "prometheus",
            "alertmanager",
            "loki",
            "tempo",
            "grafana",
        )
    }


def test_the_same_versions_and_newer_ones_are_silent(home: Path) -> None:
    assert conflicts(home, POSTGRES_VERSION="17.6", GRAFANA_VERSION="12.4.3", LAB_VERSION="0.2.0") == []
    assert conflicts(home, POSTGRES_VERSION="17.9", GRAFANA_VERSION="13.0.0", LAB_VERSION="0.3.0") == []
    assert conflicts(home, POSTGRES_VERSION="17.2", GRAFANA_VERSION="12.4.1", LAB_VERSION="0.2.0") == []


@pytest.mark.parametrize("version", ["18.1", "16.10"])
def test_another_major_version_of_postgres_is_grave_both_ways(home: Path, version: str) -> None:
    assert conflicts(home, POSTGRES_VERSION=version, GRAFANA_VERSION="12.4.3", LAB_VERSION="0.2.0") == [
        Diagnosis(
            "postgres",
            f"its data were written by version 17.6, and {version} cannot read them",
            "set POSTGRES_VERSION=17.6 in .env; or `lab clean`, which deletes all data of the lab",
        )
    ]


def test_a_step_back_is_named(home: Path) -> None:
    found = conflicts(home, POSTGRES_VERSION="17.6", GRAFANA_VERSION="11.6.0", LAB_VERSION="0.1.0")

    assert [(diagnosis.service, diagnosis.fatal) for diagnosis in found] == [("pager", False), ("grafana", False)]
    assert found[0].remedy.startswith("set LAB_VERSION=0.2.0 in .env")
    assert found[1].text == (
        "its data were written by version 12.4.3, which is newer than 11.6.0: it may fail to read them"
    )


def test_a_volume_that_is_gone_or_recreated_has_no_history(home: Path) -> None:
    assert conflicts(home, {}, POSTGRES_VERSION="18.1") == []
    assert conflicts(home, {"postgres-data": "2026-02-02T10:00:00Z"}, POSTGRES_VERSION="18.1") == []


def test_engines_have_a_history_each_and_a_broken_book_is_none(home: Path) -> None:
    settings, services = lab(home, POSTGRES_VERSION="18.1")
    assert volume_versions.conflicts(settings, "native", services, THERE) == []

    (home / "written.json").write_text('{"compose": {')

    assert conflicts(home, POSTGRES_VERSION="18.1") == []


def test_native_mode_knows_a_folder_that_was_emptied(tmp_path: Path) -> None:
    settings, services = lab(tmp_path, LOKI_VERSION="3.7.8")
    (settings.volume("loki-data") / "chunks").mkdir(parents=True)
    volume_versions.record(settings, "native", services, {"loki-data": "folder"})
    older = NativeEngine(lab(tmp_path, LOKI_VERSION="3.6.0")[0])

    assert [diagnosis.service for diagnosis in older.diagnoses()] == ["loki"]
    (settings.volume("loki-data") / "chunks").rmdir()
    assert older.diagnoses() == []
