"""From a vendor's archive into the cache, against a real server with small archives."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from lab.engines.native.derive import home_of
from lab.engines.native.install import programs
from lab.engines.native.install.network import UnavailableError
from lab.engines.native.install.programs import PROGRAMS, Found, Missing, find
from lab.engines.native.install.vendors import VENDORS, Platform
from tests.support.labs.program_installer import ProgramInstaller
from tests.support.servers.archive_server import Reply, line, script, tar, zipped


def refused(installer: ProgramInstaller, name: str = "tempo") -> str:
    """Why the program could not be had; nothing may be left of it."""
    with pytest.raises(UnavailableError) as caught:
        installer.fetch(name)
    assert isinstance(find(name, installer.values), Missing)
    return caught.value.message


def leftovers(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_comes_by_its_archive(installer: ProgramInstaller, name: str) -> None:
    installer.offer(name)

    found = installer.fetch(name)

    assert (found.version, found.source) == (installer.version(name), "cache (archive)")
    assert find(name, installer.values) == found
    said = subprocess.run([found.path, "--version"], capture_output=True, text=True, check=True).stdout
    assert installer.version(name) in said


@pytest.mark.parametrize(("name", "tool"), [("prometheus", "promtool"), ("alertmanager", "amtool")])
def test_the_tools_are_in_the_folder_of_their_server_and_nothing_else(
    installer: ProgramInstaller, name: str, tool: str
) -> None:
    installer.offer(name)

    folder = installer.fetch(name).path.parent

    assert os.access(folder / tool, os.X_OK)
    assert {path.name for path in folder.iterdir()} == {name, tool, ".origin.json"}


def test_grafana_keeps_the_files_that_it_needs(installer: ProgramInstaller) -> None:
    installer.offer("grafana")

    found = installer.fetch("grafana")

    home = home_of(found.path)
    assert (home / "conf" / "defaults.ini").read_text() == "[paths]"
    assert (home / "public" / "views" / "index.html").is_file()
    assert os.access(home / "bin" / "grafana-cli", os.X_OK)


def test_grafana_under_its_older_name_where_the_build_is_not_there(installer: ProgramInstaller) -> None:
    older = VENDORS["grafana"].addresses(installer.version("grafana"), Platform.here(), installer.values)[1]
    installer.server.offer(older, installer.content("grafana"))

    assert installer.fetch("grafana").source == "cache (archive)"
    assert len(installer.server.asked(older.file)) == 1


def test_a_second_fetch_makes_no_request(installer: ProgramInstaller) -> None:
    installer.offer("tempo")
    installer.fetch("tempo")
    installer.server.requests.clear()

    installer.fetch("tempo")

    assert installer.server.requests == []


def test_a_checksum_file_with_nothing_but_the_checksum(installer: ProgramInstaller) -> None:
    installer.offer("grafana")
    address = installer.address("grafana")
    bare = hashlib.sha256(installer.content("grafana")).hexdigest().encode()
    installer.server.replies[installer.server.path(address.checksums)] = Reply(bare)

    assert installer.fetch("grafana").source == "cache (archive)"


# --- what must not be used ----------------------------------------------------------------------------------------


def test_a_wrong_checksum_is_said_and_the_file_deleted(installer: ProgramInstaller, cache: Path) -> None:
    reply = installer.offer("tempo")
    reply.content = tar({"tempo": script("tempo", installer.version("tempo")) + b"# and more"})

    why = refused(installer)

    assert "wrong checksum" in why
    assert installer.notes == [why], "it stays on the screen, during the next attempt"
    assert leftovers(cache) == []


def test_a_wrong_checksum_is_said_even_when_another_address_has_it_right(installer: ProgramInstaller) -> None:
    first, second = VENDORS["grafana"].addresses(installer.version("grafana"), Platform.here(), installer.values)
    installer.server.offer(first, installer.content("grafana")).content += b"x"
    installer.server.offer(second, installer.content("grafana"))

    installer.fetch("grafana")

    assert "wrong checksum" in "".join(installer.notes)


@pytest.mark.parametrize(
    "sums",
    [b"", line(b"x", "tempo_9.9.9_linux_amd64.tar.gz"), b"<html>Please log in</html>", b"\xff\xfe\x00"],
    ids=["empty", "without the name", "a web page", "no text"],
)
def test_a_checksum_file_that_says_nothing_of_it(installer: ProgramInstaller, sums: bytes) -> None:
    installer.offer("tempo")
    installer.server.replies[installer.server.path(installer.address("tempo").checksums)] = Reply(sums)

    assert "holds no checksum of tempo_" in refused(installer)
    assert installer.server.asked(".tar.gz") == [], "nothing is downloaded that could not be checked"


def test_another_files_checksum_is_not_taken(installer: ProgramInstaller) -> None:
    installer.offer("tempo")
    sums = line(installer.content("tempo"), f"x{installer.address('tempo').file}")
    installer.server.replies[installer.server.path(installer.address("tempo").checksums)] = Reply(sums)

    assert "holds no checksum" in refused(installer)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"this is no archive", "damaged"),
        (tar({"tempo": script("tempo", "3.0.3")})[:9000], "damaged"),
        (tar({"README": b""}), "there is no `tempo` in it"),
        (tar({"tempo": script("tempo", "1.2.3")}), "holds tempo 1.2.3, not "),
        (tar({"tempo": b"\x7fELF not for this machine"}), "does not run on this machine"),
        (tar({"tempo": b"#!/bin/sh\n", "../evil": b"x"}), "`../evil` leads outside"),
    ],
    ids=["no archive", "cut", "without the program", "another version", "another machine", "leads outside"],
)
def test_an_archive_that_cannot_be_used(installer: ProgramInstaller, cache: Path, content: bytes, said: str) -> None:
    installer.offer("tempo", content)

    assert said in refused(installer)
    assert leftovers(cache) == []


def test_a_damaged_zip(installer: ProgramInstaller) -> None:
    whole = installer.content("loki")
    installer.offer("loki", whole[:200] + b"\0" * 200 + whole[400:])

    assert "damaged" in refused(installer, "loki")


def test_an_archive_for_another_machine_is_asked_for_by_its_name(
    installer: ProgramInstaller, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    installer.offer("prometheus")
    installer.fetch("prometheus")
    monkeypatch.setattr(Platform, "here", lambda: Platform("linux", "arm64"))

    assert isinstance(find("prometheus", installer.values), Missing), (
        "the cache is shared with machines of another kind"
    )
    assert (
        "linux-arm64.tar.gz" in refused(installer, "prometheus") or installer.server.asked("linux-arm64.tar.gz") == []
    )
    installer.offer("prometheus")
    installer.fetch("prometheus")

    assert len(list((cache / "programs" / "prometheus").glob("*-linux-*"))) == 2


def test_a_machine_without_archives(installer: ProgramInstaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Platform, "here", lambda: Platform("linux", "riscv64"))

    found = find("tempo", installer.values)

    assert isinstance(found, Missing)
    assert not found.obtainable
    assert "no archives for linux-riscv64" in found.reason


# --- without a network --------------------------------------------------------------------------------------------


def test_downloads_that_are_forbidden_make_no_request(installer: ProgramInstaller) -> None:
    installer.offer("tempo")
    installer.values["PROGRAM_DOWNLOADS"] = "false"

    assert "PROGRAM_DOWNLOADS forbids" in refused(installer)
    assert installer.server.requests == []
    found = find("tempo", installer.values)
    assert isinstance(found, Missing)
    assert not found.obtainable
    assert "PROGRAM_DOWNLOADS forbids to download it, and it cannot be built" in found.reason


def test_a_host_without_answer_is_detected_soon(installer: ProgramInstaller) -> None:
    installer.values["PROGRAM_MIRROR"] = "http://127.0.0.1:1/mirror"
    began = time.monotonic()

    assert "127.0.0.1:1 cannot be reached" in refused(installer, "grafana")
    assert time.monotonic() - began < 1


def test_an_unknown_name_is_detected_soon(installer: ProgramInstaller) -> None:
    installer.values["PROGRAM_MIRROR"] = "http://mirror.invalid"
    began = time.monotonic()

    assert "mirror.invalid" in refused(installer)
    assert time.monotonic() - began < 3


# --- a folder of archives brought by hand -------------------------------------------------------------------------


@pytest.fixture
def folder(installer: ProgramInstaller, tmp_path: Path) -> Path:
    made = tmp_path / "by hand"
    made.mkdir()
    installer.values |= {"PROGRAM_ARCHIVES": str(made), "PROGRAM_DOWNLOADS": "false"}
    return made


def test_an_archive_with_its_checksum_file(installer: ProgramInstaller, folder: Path) -> None:
    address = installer.address("tempo")
    (folder / address.file).write_bytes(installer.content("tempo"))
    (folder / "SHA256SUMS").write_bytes(line(installer.content("tempo"), address.file))

    assert installer.fetch("tempo").source == "cache (archive)"
    assert (folder / address.file).is_file(), "an archive brought by hand stays"
    assert installer.server.requests == []


def test_an_archive_with_a_checksum_file_of_its_own(installer: ProgramInstaller, folder: Path) -> None:
    # Loki's and Tempo's checksum files have one name, and cannot lie side by side.
    file = installer.address("loki").file
    (folder / "SHA256SUMS").write_bytes(line(b"", "tempo"))
    (folder / file).write_bytes(installer.content("loki"))
    (folder / f"{file}.sha256").write_bytes(line(installer.content("loki"), file))

    assert installer.fetch("loki").source == "cache (archive)"


def test_the_vendors_layout_as_wget_leaves_it(installer: ProgramInstaller, folder: Path) -> None:
    for name in ("loki", "tempo"):
        address = installer.address(name)
        for url, content in (
            (address.archive, installer.content(name)),
            (address.checksums, line(installer.content(name), address.file)),
        ):
            path = folder / url.removeprefix("https://")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    assert installer.fetch("loki").source == "cache (archive)"
    assert installer.fetch("tempo").source == "cache (archive)"


def test_an_archive_that_nothing_vouches_for(installer: ProgramInstaller, folder: Path) -> None:
    (folder / installer.address("tempo").file).write_bytes(installer.content("tempo"))

    why = refused(installer)

    assert "cannot be checked: put SHA256SUMS or tempo_" in why
    assert installer.notes


def test_an_archive_that_was_damaged_on_its_way(installer: ProgramInstaller, folder: Path) -> None:
    file = installer.address("tempo").file
    (folder / file).write_bytes(installer.content("tempo")[:-1])
    (folder / "SHA256SUMS").write_bytes(line(installer.content("tempo"), file))

    assert "wrong checksum" in refused(installer)


def test_a_folder_without_it_or_that_is_none(installer: ProgramInstaller, folder: Path) -> None:
    assert f"is not in {folder}" in refused(installer)
    folder.rmdir()
    assert "is no folder" in refused(installer)


def test_what_the_folder_lacks_comes_from_the_network(installer: ProgramInstaller, folder: Path) -> None:
    installer.values["PROGRAM_DOWNLOADS"] = "true"
    installer.offer("tempo")

    assert isinstance(installer.fetch("tempo"), Found)
    assert len(installer.server.asked(".tar.gz")) == 1


def test_lokis_archive_of_another_version_is_noticed(installer: ProgramInstaller, folder: Path) -> None:
    inside = next(iter(VENDORS["loki"].members(Platform.here())))
    old = zipped({inside: script("loki", "2.0.0")})
    file = installer.address("loki").file
    (folder / file).write_bytes(old)
    (folder / f"{file}.sha256").write_bytes(line(old, file))

    assert f"holds loki 2.0.0, not {installer.version('loki')}" in refused(installer, "loki")


def test_a_relative_folder_is_below_the_checkout(installer: ProgramInstaller) -> None:
    installer.values |= {"PROGRAM_ARCHIVES": "no-such-archives", "PROGRAM_DOWNLOADS": "false"}

    assert str(programs.builds.ROOT / "no-such-archives") in refused(installer)
