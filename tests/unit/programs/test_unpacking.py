"""Archives from elsewhere: what is written, and what is refused."""

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from lab.engines.native.install.unpacking import DamagedError, needed, unpack
from tests.support.servers.archive_server import tar, zipped

WANTED = {"bin/server": "bin/server"}


def archive(tmp_path: Path, content: bytes, name: str = "a.tar.gz") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def linked(kind: bytes, name: str, to: str) -> bytes:
    """A home with a link in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for file in ("top/bin/server", "top/other"):
            entry = tarfile.TarInfo(file)
            entry.size, entry.mode = 4, 0o755
            made.addfile(entry, io.BytesIO(b"text"))
        link = tarfile.TarInfo(name)
        link.type, link.linkname = kind, to
        made.addfile(link)
    return buffer.getvalue()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "inner" / "target"


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "top/../../evil", "..", "a\\..\\evil"],
)
@pytest.mark.parametrize("make", [tar, zipped], ids=["tar", "zip"])
@pytest.mark.parametrize("whole", [True, False])
def test_names_that_lead_outside_are_refused(tmp_path: Path, target: Path, name: str, make, whole: bool) -> None:  # type: ignore[no-untyped-def]
    path = archive(tmp_path, make({"bin/server": b"x", name: b"evil"}), "a.zip" if make is zipped else "a.tar.gz")

    with pytest.raises(DamagedError, match="leads outside"):
        unpack(path, target, WANTED, whole)

    assert not list(tmp_path.rglob("*evil*"))
    assert not target.exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE], ids=["symbolic", "hard"])
def test_a_link_becomes_a_copy(tmp_path: Path, target: Path, kind: bytes) -> None:
    to = "../other" if kind == tarfile.SYMTYPE else "top/other"
    unpack(archive(tmp_path, linked(kind, "top/bin/link", to)), target, WANTED, whole=True)

    assert not (target / "bin" / "link").is_symlink()
    assert (target / "bin" / "link").read_text() == "text"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE], ids=["symbolic", "hard"])
@pytest.mark.parametrize("to", ["/etc/passwd", "../../../../../etc/passwd", "no-such-file"])
def test_a_link_that_leads_outside_is_refused(tmp_path: Path, target: Path, kind: bytes, to: str) -> None:
    with pytest.raises(DamagedError):
        unpack(archive(tmp_path, linked(kind, "top/bin/link", to)), target, WANTED, whole=True)

    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_a_file_below_a_link_is_written_into_no_other_folder(tmp_path: Path, target: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        link = tarfile.TarInfo("bin")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        made.addfile(link)
        entry = tarfile.TarInfo("bin/server")
        entry.size = 1
        made.addfile(entry, io.BytesIO(b"x"))

    with pytest.raises((DamagedError, OSError)):
        unpack(archive(tmp_path, buffer.getvalue()), target, WANTED, whole=True)

    assert list(outside.iterdir()) == []


def test_devices_are_refused(tmp_path: Path, target: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        entry = tarfile.TarInfo("null")
        entry.type = tarfile.CHRTYPE
        made.addfile(entry)

    with pytest.raises(DamagedError, match="device"):
        unpack(archive(tmp_path, buffer.getvalue()), target, {}, whole=True)


def test_permissions_ignore_those_of_the_archive(tmp_path: Path, target: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for name, mode in (("bin/server", 0o6777), ("bin/tool", 0o4755), ("conf", 0o0666)):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.uid = mode, 12345
            made.addfile(entry, io.BytesIO(b""))

    unpack(archive(tmp_path, buffer.getvalue()), target, WANTED, whole=True)

    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_file()} == {
        "server": 0o755,
        "tool": 0o755,
        "conf": 0o644,
    }
    assert (target / "conf").stat().st_uid == os.getuid()


def test_only_what_is_wanted_is_written(tmp_path: Path, target: Path) -> None:
    path = archive(tmp_path, tar({"top/server": b"12345", "top/LICENSE": b"free", "top/": b""}))

    unpack(path, target, {"server": "renamed"}, whole=False)

    assert [found.name for found in target.rglob("*")] == ["renamed"]
    assert needed(path, {"server": "renamed"}, whole=False) == 5
    assert needed(path, {"server": "renamed"}, whole=True) == 9


def test_a_locked_zip_is_reported(tmp_path: Path, target: Path) -> None:
    content = bytearray(zipped({"server": b"12345"}))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as made:
        assert made.testzip() is None
    # The bit for "encrypted", in the entry and in the directory at the end.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(DamagedError, match="encrypted"):
        unpack(archive(tmp_path, bytes(content), "a.zip"), target, {"server": "server"}, whole=False)
