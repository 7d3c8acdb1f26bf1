"""A cache of its own, and a vendor's server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.envfile import read
from lab.settings import ROOT
from tests.support.labs.program_installer import ProgramInstaller
from tests.support.servers.archive_server import ArchiveServer, serving


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; no program and no Go on PATH, and no proxy before the server."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return tmp_path / "cache"


@pytest.fixture
def installer(server: ArchiveServer) -> ProgramInstaller:
    return ProgramInstaller(
        server, {**read(ROOT / ".env", {}), "PROGRAM_MIRROR": server.mirror, "PROGRAM_ARCHIVES": ""}
    )
