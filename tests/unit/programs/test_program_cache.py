"""The cache that checkouts share: what is in it, what may go, and what must stay."""

import fcntl
import os
import struct
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.engines.native.install import cache as cache_module
from lab.engines.native.install.cache import contents, fits
from lab.engines.native.install.programs import Found, Missing, find, used
from lab.engines.native.install.vendors import Platform
from lab.errors import LabError
from tests.support.labs.program_installer import ProgramInstaller
from tests.support.servers.archive_server import script

runner = CliRunner()


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def put(path: Path, content: bytes = b"#!/bin/sh\nsleep 60\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def names(cache: Path) -> set[str]:
    return {path.name for path in (cache / "programs" / "tempo").iterdir()} - {".lock"}


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + struct.pack("<H", machine) + bytes(40)


def mach(cpu: int) -> bytes:
    return b"\xcf\xfa\xed\xfe" + struct.pack("<I", cpu) + bytes(40)


@pytest.mark.parametrize(
    ("content", "system", "arch", "answer"),
    [
        (elf(62), "linux", "amd64", True),
        (elf(183), "linux", "amd64", False),
        (elf(183), "linux", "arm64", True),
        (elf(62), "darwin", "amd64", False),
        (mach(0x0100000C), "darwin", "arm64", True),
        (mach(0x01000007), "darwin", "arm64", False),
        (mach(0x01000007), "linux", "amd64", False),
        (b"#!/bin/sh\n", "darwin", "arm64", True),
        (b"", "linux", "amd64", False),
        (b"\x7fELF", "linux", "amd64", False),
    ],
)
def test_the_head_of_a_program_reports_its_machine(
    tmp_path: Path, content: bytes, system: str, arch: str, answer: bool
) -> None:
    assert fits(put(tmp_path / "program", content), Platform(system, arch)) is answer


def test_the_head_of_a_real_program_fits_here() -> None:
    assert fits(Path("/bin/sh").resolve())


def test_a_cache_of_before_is_still_used(installer: ProgramInstaller, cache: Path) -> None:
    old = put(cache / "programs" / "tempo" / installer.version("tempo") / "tempo")

    assert find("tempo", installer.values) == Found(old, installer.version("tempo"), "cache (built)")
    assert old.parent in used(installer.values)


def test_a_cache_of_before_from_another_machine_is_not(installer: ProgramInstaller, cache: Path) -> None:
    put(cache / "programs" / "tempo" / installer.version("tempo") / "tempo", elf(243))

    assert isinstance(find("tempo", installer.values), Missing)


def test_the_list_says_what_is_used_and_how_it_came(installer: ProgramInstaller, cache: Path) -> None:
    installer.offer("tempo")
    folder = installer.fetch("tempo").path.parent
    put(cache / "programs" / "tempo" / "2.0.0-linux-amd64" / "tempo")

    said = runner.invoke(app, ["programs", "list"]).output

    rows = {line.split()[1]: line.split() for line in said.splitlines() if line.startswith("tempo")}
    assert rows[folder.name][2:] == ["archive", "0.1", "MB", "yes"]
    assert rows["2.0.0-linux-amd64"][2:] == ["built", "0.0", "MB"]


def test_an_empty_cache_is_no_error() -> None:
    assert "The cache is empty" in runner.invoke(app, ["programs", "list"]).output
    assert "nothing to delete" in runner.invoke(app, ["programs", "clean", "--yes"]).output


def test_clean_leaves_what_this_checkout_uses(installer: ProgramInstaller, cache: Path) -> None:
    installer.offer("tempo")
    folder = installer.fetch("tempo").path.parent
    shelf = cache / "programs" / "tempo"
    put(shelf / "2.0.0-linux-amd64" / "tempo")
    put(shelf / ".build-abc" / "bin" / "tempo")
    put(shelf / ".3.0.3-linux-amd64-tempo.tar.gz", b"a part")
    put(shelf / "build-2.0.0.log", b"a log")
    put(cache / "images" / "other.tar", b"not ours")

    done = runner.invoke(app, ["programs", "clean", "--yes"])

    assert "Deleted: 4" in done.output
    assert names(cache) == {folder.name}
    assert (cache / "images" / "other.tar").exists()


def test_clean_all_deletes_that_too(installer: ProgramInstaller, cache: Path) -> None:
    installer.offer("tempo")
    installer.fetch("tempo")

    runner.invoke(app, ["programs", "clean", "--all", "--yes"])

    assert names(cache) == set()
    assert isinstance(find("tempo", installer.values), Missing)


def test_clean_asks_first(cache: Path) -> None:
    put(cache / "programs" / "tempo" / "2.0.0-linux-amd64" / "tempo")

    done = runner.invoke(app, ["programs", "clean"])

    assert isinstance(done.exception, LabError)
    assert "--yes" in done.exception.remedy
    assert names(cache) == {"2.0.0-linux-amd64"}


def test_a_program_that_runs_stays(cache: Path) -> None:
    program = put(cache / "programs" / "tempo" / "2.0.0-linux-amd64" / "tempo")
    running = subprocess.Popen([program])
    try:
        done = runner.invoke(app, ["programs", "clean", "--all", "--yes"])
    finally:
        for child in psutil.Process(running.pid).children():
            child.kill()
        running.kill()
        running.wait()

    assert f"stays: process {running.pid} runs from it" in done.output
    assert names(cache) == {"2.0.0-linux-amd64"}


def test_what_another_lab_works_on_stays(cache: Path) -> None:
    shelf = cache / "programs" / "tempo"
    put(shelf / ".build-abc" / "half")
    with (shelf / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = runner.invoke(app, ["programs", "clean", "--all", "--yes"])

    assert "stays: another lab is installing one" in done.output
    assert names(cache) == {".build-abc"}


def test_what_another_lab_began_in_between_stays(cache: Path) -> None:
    shelf = cache / "programs" / "tempo"
    put(shelf / "2.0.0-linux-amd64" / "tempo")
    entry = contents(set())[0]
    with (shelf / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert not entry.remove()
    assert entry.remove()


def test_a_wait_for_another_lab_can_be_ended(cache: Path) -> None:
    shelf = cache / "programs" / "tempo"
    shelf.mkdir(parents=True)
    said: list[str] = []
    with (shelf / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        began = time.monotonic()
        with pytest.raises(LabError), cache_module.program_lock("tempo", said.append, lambda: True):
            pass
    assert time.monotonic() - began < 1
    assert said == ["another lab is installing it: waiting"]


def test_a_cache_that_cannot_be_made_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CACHE", str(put(tmp_path / "a file") / "below"))

    with pytest.raises(LabError, match="cannot be written") as caught, cache_module.program_lock("tempo", print):
        pass
    assert "LAB_CACHE" in caught.value.remedy


def test_a_broken_record_does_no_harm(installer: ProgramInstaller) -> None:
    installer.offer("tempo")
    folder = installer.fetch("tempo").path.parent
    (folder / ".origin.json").write_text("{half")

    assert find("tempo", installer.values) == Found(folder / "tempo", installer.version("tempo"), "cache (built)")


def test_the_urls_are_what_a_closed_network_needs(installer: ProgramInstaller) -> None:
    said = runner.invoke(app, ["programs", "urls", "--os", "darwin", "--arch", "arm64"]).output.split()

    assert len(said) == 12
    assert all(url.startswith("https://") for url in said)
    assert f"loki/releases/download/v{installer.version('loki')}/loki-darwin-arm64.zip" in "".join(said)
    wrong = runner.invoke(app, ["programs", "urls", "--os", "plan9"])
    assert isinstance(wrong.exception, LabError)


def test_two_versions_live_side_by_side(installer: ProgramInstaller, cache: Path) -> None:
    installer.offer("tempo")
    installer.fetch("tempo")
    installer.values["TEMPO_VERSION"] = "9.9.9"
    installer.offer("tempo")

    installer.fetch("tempo")

    assert len(names(cache)) == 2
    assert os.access(find("tempo", installer.values).path, os.X_OK)  # type: ignore[union-attr]
    assert script("tempo", "9.9.9") == find("tempo", installer.values).path.read_bytes()  # type: ignore[union-attr]
