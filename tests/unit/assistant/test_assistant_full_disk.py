"""The data folder's budget, and the fault that fills it: real bytes, bounded, and gone afterwards."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import envfile
from services.assistant.faults import disk
from services.assistant.settings import AssistantSettings
from services.assistant.storage.disk_quota import DiskQuota

MIB = 1024**2


def eventually(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


def written(folder: Path) -> int:
    """Bytes on the disk of the fault's own files; they may go while we look."""
    total = 0
    for file in folder.glob("disk-filling*"):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_blocks * 512
    return total


def test_the_folder_fills_up_to_the_share_and_is_cleared_at_the_end(start, folder: Path) -> None:
    service = start(data_dir=folder, data_limit=40 * MIB)
    free = service.sample("lab_disk_free_bytes", path="data")
    assert free > 35 * MIB
    assert service.sample("lab_disk_limit_bytes", path="data") == 40 * MIB

    service.on("disk-filling", parameters={"percent": 92})

    eventually(lambda: service.sample("lab_disk_free_bytes", path="data") <= 3.3 * MIB)
    assert service.sample("lab_disk_free_bytes", path="data") >= 3.1 * MIB
    assert written(folder) > 25 * MIB
    eventually(lambda: len(service.lines("disk.low")) == 3)
    assert [line["kind"] for line in service.lines("disk.low")] == ["performance"] * 3
    assert service.lines("disk.low")[-1]["free_bytes"] <= 4 * MIB
    service.client.get("/appointments?user_id=ann")
    span = service.span("GET /appointments")
    assert span.attributes["lab.fault"] == "disk-filling"
    assert span.attributes["lab.disk.free"] <= 3.3 * MIB

    service.off("disk-filling")

    eventually(lambda: written(folder) == 0)
    assert service.sample("lab_disk_free_bytes", path="data") == pytest.approx(free, abs=MIB)
    assert list(folder.glob("disk-filling*")) == []
    service.spans.clear()
    service.client.get("/appointments?user_id=ann")
    assert service.faulty_spans() == {}


def test_it_ends_by_its_own_time_and_the_next_start_clears_what_a_kill_left(start, folder: Path) -> None:
    service = start(data_dir=folder, data_limit=20 * MIB)
    service.on("disk-filling", seconds=1)
    eventually(lambda: written(folder) > 0)
    eventually(lambda: list(folder.glob("disk-filling*")) == [])

    (folder / "disk-filling-0123.bin").write_bytes(b"left")
    start(data_dir=folder)
    assert list(folder.glob("disk-filling*")) == []


def test_a_new_order_takes_the_place_of_the_one_before(start, folder: Path) -> None:
    service = start(data_dir=folder, data_limit=40 * MIB)
    service.on("disk-filling", parameters={"percent": 90})
    eventually(lambda: written(folder) > 25 * MIB)

    service.on("disk-filling", parameters={"percent": 50}, intensity=0.5)

    eventually(lambda: 0 < written(folder) < 11 * MIB)
    assert len(list(folder.glob("disk-filling*"))) == 1


def test_what_others_write_is_taken_from_the_filling(start, folder: Path) -> None:
    service = start(data_dir=folder, data_limit=40 * MIB)
    service.on("disk-filling", parameters={"percent": 100})
    eventually(lambda: service.sample("lab_disk_free_bytes", path="data") == 0)

    (folder / "other").write_bytes(b"x" * 10 * MIB)

    eventually(lambda: DiskQuota(folder, 0).used() <= 40 * MIB)


def test_the_machine_keeps_its_reserve(start, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = start(data_dir=folder, data_limit=40 * MIB)
    free = service.assistant.disk_quota.disk_free()
    monkeypatch.setattr(disk, "MACHINE_RESERVE", free + 1024**4)

    service.on("disk-filling", parameters={"percent": 100}, seconds=1)

    eventually(lambda: list(folder.glob("disk-filling*")) != [])
    eventually(lambda: list(folder.glob("disk-filling*")) == [])
    assert service.lines("disk.low") == []


def test_a_folder_that_cannot_be_looked_at_is_full(tmp_path: Path) -> None:
    assert DiskQuota(tmp_path / "none", 1000).free() == 0
    (tmp_path / "file").write_bytes(b"x" * 8192)
    assert DiskQuota(tmp_path, 8192).free() == 0


@pytest.mark.parametrize("percent", [0, -1, 100.5, "much"])
def test_a_share_out_of_range_is_refused(service, percent: object) -> None:
    wish = {"fault": "disk-filling", "duration_seconds": 5, "parameters": {"percent": percent}}
    assert service.client.post("/admin/faults", json=wish, headers=service.admin).status_code == 422


@pytest.mark.parametrize("value", ["6m", "256m", "4g"])
def test_what_the_file_may_say_of_the_budget_the_assistant_accepts(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert envfile.check("DATA_LIMIT", value) is None
    monkeypatch.setenv("DATA_LIMIT", value)
    assert AssistantSettings().data_limit >= 6 * MIB
    assert envfile.check("DATA_LIMIT", "much")
    assert envfile.check("DATA_LIMIT", "5m")
