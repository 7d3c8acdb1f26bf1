"""Programs that come while the rest of the lab starts."""

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from lab.engines.native.install.install_queue import InstallQueue, Result
from lab.engines.native.install.programs import Found, Missing
from lab.progress import Board
from tests.support.archive_server import tar
from tests.support.program_shop import Shop
from tests.support.stub_go import write_stub_go


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    write_stub_go(folder)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


class Screen:
    """A board whose lines can be read."""

    def __init__(self) -> None:
        self.file = io.StringIO()
        self.board = Board(Console(file=self.file, width=300))

    @property
    def text(self) -> str:
        return self.file.getvalue()


def wait(arrivals: InstallQueue, seconds: float = 20) -> dict[str, Result]:
    came: dict[str, Result] = {}
    deadline = time.monotonic() + seconds
    while arrivals.busy():
        assert time.monotonic() < deadline, came
        came |= dict(arrivals.finished())
        time.sleep(0.01)
    return came


def get(shop: Shop, *names: str) -> tuple[dict[str, Result], str]:
    screen = Screen()
    arrivals = InstallQueue({f"the {name}": name for name in names}, shop.values, screen.board)
    arrivals.start()
    try:
        return wait(arrivals), screen.text
    finally:
        arrivals.stop()


def test_programs_arrive_under_the_names_of_their_services(shop: Shop) -> None:
    for name in ("tempo", "grafana", "loki"):
        shop.offer(name)

    came, text = get(shop, "tempo", "grafana", "loki")

    assert {name: found.source for name, found in came.items() if isinstance(found, Found)} == {
        "the tempo": "cache (archive)",
        "the grafana": "cache (archive)",
        "the loki": "cache (archive)",
    }
    assert "!" not in text


@pytest.mark.usefixtures("go")
def test_what_has_no_archive_is_built_and_the_reason_stays_on_the_screen(shop: Shop) -> None:
    came, text = get(shop, "loki")

    found = came["the loki"]
    assert isinstance(found, Found)
    assert found.source == "cache (built)"
    assert "! the loki      no archive: " in text
    assert "SHA256SUMS answers 404. Building it instead" in text


@pytest.mark.usefixtures("go")
def test_a_wrong_checksum_is_never_passed_over_in_silence(shop: Shop) -> None:
    shop.offer("loki").content += b"x"

    came, text = get(shop, "loki")

    assert isinstance(came["the loki"], Found)
    assert "has the wrong checksum" in text


def test_what_no_way_leads_to_is_missing_with_its_reason(shop: Shop) -> None:
    came, _ = get(shop, "tempo", "loki")

    tempo, loki = came["the tempo"], came["the loki"]
    assert isinstance(tempo, Missing)
    assert "answers 404), and it cannot be built from a Go module" in tempo.reason
    assert isinstance(loki, Missing)
    assert "answers 404), and there is no Go toolchain" in loki.reason


@pytest.mark.usefixtures("go")
def test_a_build_does_not_hold_up_what_comes_by_archive(shop: Shop) -> None:
    shop.offer("tempo", tar({"tempo": b"#!/bin/sh\necho tempo, version " + shop.version("tempo").encode()}))

    came, _ = get(shop, "loki", "prometheus", "tempo")

    assert [type(result) for result in came.values()] == [Found] * 3


@pytest.mark.usefixtures("go")
def test_builds_come_in_the_order_of_the_services(shop: Shop) -> None:
    _, text = get(shop, "prometheus", "alertmanager", "loki")

    built = [line.split()[4] for line in text.splitlines() if "once for this machine (" in line]
    assert built == ["prometheus,", "alertmanager,", "loki,"], text


def test_a_cache_that_cannot_be_written_to_is_a_failure_in_words(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CACHE", "/dev/null/cache")

    came, _ = get(shop, "tempo")

    assert "cannot be written to" in str(came["the tempo"])


def test_stop_ends_a_download(shop: Shop) -> None:
    shop.offer("tempo").failures = 1000
    arrivals = InstallQueue({"tempo": "tempo"}, shop.values, Screen().board)
    arrivals.start()
    deadline = time.monotonic() + 5
    while not shop.server.asked(".tar.gz"):
        assert time.monotonic() < deadline
        time.sleep(0.01)

    began = time.monotonic()
    arrivals.stop()

    assert time.monotonic() - began < 2
    assert "Interrupted" in str(dict(arrivals.finished())["tempo"])
