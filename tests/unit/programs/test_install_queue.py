"""Programs that come while the rest of the lab starts."""

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from lab.engines.native.install.install_queue import InstallQueue, Result
from lab.engines.native.install.programs import Found, Missing
from lab.progress import Board
from tests.support.labs.program_installer import ProgramInstaller
from tests.support.labs.stub_go import write_stub_go
from tests.support.servers.archive_server import tar


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


def get(installer: ProgramInstaller, *names: str) -> tuple[dict[str, Result], str]:
    screen = Screen()
    arrivals = InstallQueue({f"the {name}": name for name in names}, installer.values, screen.board)
    arrivals.start()
    try:
        return wait(arrivals), screen.text
    finally:
        arrivals.stop()


def test_programs_arrive_under_the_names_of_their_services(installer: ProgramInstaller) -> None:
    for name in ("tempo", "grafana", "loki"):
        installer.offer(name)

    came, text = get(installer, "tempo", "grafana", "loki")

    assert {name: found.source for name, found in came.items() if isinstance(found, Found)} == {
        "the tempo": "cache (archive)",
        "the grafana": "cache (archive)",
        "the loki": "cache (archive)",
    }
    assert "!" not in text


@pytest.mark.usefixtures("go")
def test_what_has_no_archive_is_built_and_the_reason_stays_on_the_screen(installer: ProgramInstaller) -> None:
    came, text = get(installer, "loki")

    found = came["the loki"]
    assert isinstance(found, Found)
    assert found.source == "cache (built)"
    assert "! the loki      no archive: " in text
    assert "SHA256SUMS answers 404. Building it instead" in text


@pytest.mark.usefixtures("go")
def test_a_wrong_checksum_is_never_passed_over_in_silence(installer: ProgramInstaller) -> None:
    installer.offer("loki").content += b"x"

    came, text = get(installer, "loki")

    assert isinstance(came["the loki"], Found)
    assert "has the wrong checksum" in text


def test_what_no_way_leads_to_is_missing_with_its_reason(installer: ProgramInstaller) -> None:
    came, _ = get(installer, "tempo", "loki")

    tempo, loki = came["the tempo"], came["the loki"]
    assert isinstance(tempo, Missing)
    assert "answers 404), and it cannot be built from a Go module" in tempo.reason
    assert isinstance(loki, Missing)
    assert "answers 404), and there is no Go toolchain" in loki.reason


@pytest.mark.usefixtures("go")
def test_a_build_does_not_hold_up_what_comes_by_archive(installer: ProgramInstaller) -> None:
    installer.offer("tempo", tar({"tempo": b"#!/bin/sh\necho tempo, version " + installer.version("tempo").encode()}))

    came, _ = get(installer, "loki", "prometheus", "tempo")

    assert [type(result) for result in came.values()] == [Found] * 3


@pytest.mark.usefixtures("go")
def test_builds_come_in_the_order_of_the_services(installer: ProgramInstaller) -> None:
    _, text = get(installer, "prometheus", "alertmanager", "loki")

    built = [line.split()[4] for line in text.splitlines() if "once for this machine (" in line]
    assert built == ["prometheus,", "alertmanager,", "loki,"], text


def test_a_cache_that_cannot_be_written_to_is_a_failure_in_words(
    installer: ProgramInstaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_CACHE", "/dev/null/cache")

    came, _ = get(installer, "tempo")

    assert "cannot be written to" in str(came["the tempo"])


def test_stop_ends_a_download(installer: ProgramInstaller) -> None:
    installer.offer("tempo").failures = 1000
    arrivals = InstallQueue({"tempo": "tempo"}, installer.values, Screen().board)
    arrivals.start()
    deadline = time.monotonic() + 5
    while not installer.server.asked(".tar.gz"):
        assert time.monotonic() < deadline
        time.sleep(0.01)

    began = time.monotonic()
    arrivals.stop()

    assert time.monotonic() - began < 2
    assert "Interrupted" in str(dict(arrivals.finished())["tempo"])
