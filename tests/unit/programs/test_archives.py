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
from tests.support.archive_server import Reply, line, script, tar, zipped
from tests.support.program_shop import Shop


def refused(shop: Shop, name: str = "tempo") -> str:
    """Why the program could not be had; nothing may be left of it."""
    with pytest.raises(UnavailableError) as caught:
        shop.fetch(name)
    assert isinstance(find(name, shop.values), Missing)
    return caught.value.message


def leftovers(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_comes_by_its_archive(shop: Shop, name: str) -> None:
    shop.offer(name)

    found = shop.fetch(name)

    assert (found.version, found.source) == (shop.version(name), "cache (archive)")
    assert find(name, shop.values) == found
    said = subprocess.run([found.path, "--version"], capture_output=True, text=True, check=True).stdout
    assert shop.version(name) in said


@pytest.mark.parametrize(("name", "tool"), [("prometheus", "promtool"), ("alertmanager", "amtool")])
def test_the_tools_are_in_the_folder_of_their_server_and_nothing_else(shop: Shop, name: str, tool: str) -> None:
    shop.offer(name)

    folder = shop.fetch(name).path.parent

    assert os.access(folder / tool, os.X_OK)
    assert {path.name for path in folder.iterdir()} == {name, tool, ".origin.json"}


def test_grafana_keeps_the_files_that_it_needs(shop: Shop) -> None:
    shop.offer("grafana")

    found = shop.fetch("grafana")

    home = home_of(found.path)
    assert (home / "conf" / "defaults.ini").read_text() == "[paths]"
    assert (home / "public" / "views" / "index.html").is_file()
    assert os.access(home / "bin" / "grafana-cli", os.X_OK)


def test_grafana_under_its_older_name_where_the_build_is_not_there(shop: Shop) -> None:
    older = VENDORS["grafana"].addresses(shop.version("grafana"), Platform.here(), shop.values)[1]
    shop.server.offer(older, shop.content("grafana"))

    assert shop.fetch("grafana").source == "cache (archive)"
    assert len(shop.server.asked(older.file)) == 1


def test_a_second_fetch_makes_no_request(shop: Shop) -> None:
    shop.offer("tempo")
    shop.fetch("tempo")
    shop.server.requests.clear()

    shop.fetch("tempo")

    assert shop.server.requests == []


def test_a_checksum_file_with_nothing_but_the_checksum(shop: Shop) -> None:
    shop.offer("grafana")
    address = shop.address("grafana")
    bare = hashlib.sha256(shop.content("grafana")).hexdigest().encode()
    shop.server.replies[shop.server.path(address.checksums)] = Reply(bare)

    assert shop.fetch("grafana").source == "cache (archive)"


# --- what must not be used ----------------------------------------------------------------------------------------


def test_a_wrong_checksum_is_said_and_the_file_deleted(shop: Shop, cache: Path) -> None:
    reply = shop.offer("tempo")
    reply.content = tar({"tempo": script("tempo", shop.version("tempo")) + b"# and more"})

    why = refused(shop)

    assert "wrong checksum" in why
    assert shop.notes == [why], "it stays on the screen, during the next attempt"
    assert leftovers(cache) == []


def test_a_wrong_checksum_is_said_even_when_another_address_has_it_right(shop: Shop) -> None:
    first, second = VENDORS["grafana"].addresses(shop.version("grafana"), Platform.here(), shop.values)
    shop.server.offer(first, shop.content("grafana")).content += b"x"
    shop.server.offer(second, shop.content("grafana"))

    shop.fetch("grafana")

    assert "wrong checksum" in "".join(shop.notes)


@pytest.mark.parametrize(
    "sums",
    [b"", line(b"x", "tempo_9.9.9_linux_amd64.tar.gz"), b"<html>Please log in</html>", b"\xff\xfe\x00"],
    ids=["empty", "without the name", "a web page", "no text"],
)
def test_a_checksum_file_that_says_nothing_of_it(shop: Shop, sums: bytes) -> None:
    shop.offer("tempo")
    shop.server.replies[shop.server.path(shop.address("tempo").checksums)] = Reply(sums)

    assert "holds no checksum of tempo_" in refused(shop)
    assert shop.server.asked(".tar.gz") == [], "nothing is downloaded that could not be checked"


def test_another_files_checksum_is_not_taken(shop: Shop) -> None:
    shop.offer("tempo")
    sums = line(shop.content("tempo"), f"x{shop.address('tempo').file}")
    shop.server.replies[shop.server.path(shop.address("tempo").checksums)] = Reply(sums)

    assert "holds no checksum" in refused(shop)


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
def test_an_archive_that_cannot_be_used(shop: Shop, cache: Path, content: bytes, said: str) -> None:
    shop.offer("tempo", content)

    assert said in refused(shop)
    assert leftovers(cache) == []


def test_a_damaged_zip(shop: Shop) -> None:
    whole = shop.content("loki")
    shop.offer("loki", whole[:200] + b"\0" * 200 + whole[400:])

    assert "damaged" in refused(shop, "loki")


def test_an_archive_for_another_machine_is_asked_for_by_its_name(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    shop.offer("prometheus")
    shop.fetch("prometheus")
    monkeypatch.setattr(Platform, "here", lambda: Platform("linux", "arm64"))

    assert isinstance(find("prometheus", shop.values), Missing), "the cache is shared with machines of another kind"
    assert "linux-arm64.tar.gz" in refused(shop, "prometheus") or shop.server.asked("linux-arm64.tar.gz") == []
    shop.offer("prometheus")
    shop.fetch("prometheus")

    assert len(list((cache / "programs" / "prometheus").glob("*-linux-*"))) == 2


def test_a_machine_without_archives(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Platform, "here", lambda: Platform("linux", "riscv64"))

    found = find("tempo", shop.values)

    assert isinstance(found, Missing)
    assert not found.obtainable
    assert "no archives for linux-riscv64" in found.reason


# --- without a network --------------------------------------------------------------------------------------------


def test_downloads_that_are_forbidden_make_no_request(shop: Shop) -> None:
    shop.offer("tempo")
    shop.values["PROGRAM_DOWNLOADS"] = "false"

    assert "PROGRAM_DOWNLOADS forbids" in refused(shop)
    assert shop.server.requests == []
    found = find("tempo", shop.values)
    assert isinstance(found, Missing)
    assert not found.obtainable
    assert "PROGRAM_DOWNLOADS forbids to download it, and it cannot be built" in found.reason


def test_a_host_without_answer_is_detected_soon(shop: Shop) -> None:
    shop.values["PROGRAM_MIRROR"] = "http://127.0.0.1:1/mirror"
    began = time.monotonic()

    assert "127.0.0.1:1 cannot be reached" in refused(shop, "grafana")
    assert time.monotonic() - began < 1


def test_an_unknown_name_is_detected_soon(shop: Shop) -> None:
    shop.values["PROGRAM_MIRROR"] = "http://mirror.invalid"
    began = time.monotonic()

    assert "mirror.invalid" in refused(shop)
    assert time.monotonic() - began < 3


# --- a folder of archives brought by hand -------------------------------------------------------------------------


@pytest.fixture
def folder(shop: Shop, tmp_path: Path) -> Path:
    made = tmp_path / "by hand"
    made.mkdir()
    shop.values |= {"PROGRAM_ARCHIVES": str(made), "PROGRAM_DOWNLOADS": "false"}
    return made


def test_an_archive_with_its_checksum_file(shop: Shop, folder: Path) -> None:
    address = shop.address("tempo")
    (folder / address.file).write_bytes(shop.content("tempo"))
    (folder / "SHA256SUMS").write_bytes(line(shop.content("tempo"), address.file))

    assert shop.fetch("tempo").source == "cache (archive)"
    assert (folder / address.file).is_file(), "an archive brought by hand stays"
    assert shop.server.requests == []


def test_an_archive_with_a_checksum_file_of_its_own(shop: Shop, folder: Path) -> None:
    # Loki's and Tempo's checksum files have one name, and cannot lie side by side.
    file = shop.address("loki").file
    (folder / "SHA256SUMS").write_bytes(line(b"", "tempo"))
    (folder / file).write_bytes(shop.content("loki"))
    (folder / f"{file}.sha256").write_bytes(line(shop.content("loki"), file))

    assert shop.fetch("loki").source == "cache (archive)"


def test_the_vendors_layout_as_wget_leaves_it(shop: Shop, folder: Path) -> None:
    for name in ("loki", "tempo"):
        address = shop.address(name)
        for url, content in (
            (address.archive, shop.content(name)),
            (address.checksums, line(shop.content(name), address.file)),
        ):
            path = folder / url.removeprefix("https://")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    assert shop.fetch("loki").source == "cache (archive)"
    assert shop.fetch("tempo").source == "cache (archive)"


def test_an_archive_that_nothing_vouches_for(shop: Shop, folder: Path) -> None:
    (folder / shop.address("tempo").file).write_bytes(shop.content("tempo"))

    why = refused(shop)

    assert "cannot be checked: put SHA256SUMS or tempo_" in why
    assert shop.notes


def test_an_archive_that_was_damaged_on_its_way(shop: Shop, folder: Path) -> None:
    file = shop.address("tempo").file
    (folder / file).write_bytes(shop.content("tempo")[:-1])
    (folder / "SHA256SUMS").write_bytes(line(shop.content("tempo"), file))

    assert "wrong checksum" in refused(shop)


def test_a_folder_without_it_or_that_is_none(shop: Shop, folder: Path) -> None:
    assert f"is not in {folder}" in refused(shop)
    folder.rmdir()
    assert "is no folder" in refused(shop)


def test_what_the_folder_lacks_comes_from_the_network(shop: Shop, folder: Path) -> None:
    shop.values["PROGRAM_DOWNLOADS"] = "true"
    shop.offer("tempo")

    assert isinstance(shop.fetch("tempo"), Found)
    assert len(shop.server.asked(".tar.gz")) == 1


def test_lokis_archive_of_another_version_is_noticed(shop: Shop, folder: Path) -> None:
    inside = next(iter(VENDORS["loki"].members(Platform.here())))
    old = zipped({inside: script("loki", "2.0.0")})
    file = shop.address("loki").file
    (folder / file).write_bytes(old)
    (folder / f"{file}.sha256").write_bytes(line(old, file))

    assert f"holds loki 2.0.0, not {shop.version('loki')}" in refused(shop, "loki")


def test_a_relative_folder_is_below_the_checkout(shop: Shop) -> None:
    shop.values |= {"PROGRAM_ARCHIVES": "no-such-archives", "PROGRAM_DOWNLOADS": "false"}

    assert str(programs.builds.ROOT / "no-such-archives") in refused(shop)
