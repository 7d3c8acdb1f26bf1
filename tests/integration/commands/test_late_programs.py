"""A server whose program comes while the lab runs: it is started then, without delay for the others."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lab.engines.native.install import programs
from lab.engines.native.install.vendors import VENDORS, Platform
from lab.query import wait_for
from tests.support.labs.programs import program
from tests.support.labs.running import RunningLab
from tests.support.servers.archive_server import ArchiveServer, serving, tar

# Says that it is ready, which is all that matters here; the real one cannot be had everywhere.
TEMPO = """#!PYTHON
import http.server, re, sys
if "version" in sys.argv[1]:
    sys.exit(print("tempo, version VERSION"))
text = open(sys.argv[1].partition("=")[2]).read()
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    do_POST = do_GET
port = int(re.search(r"http_listen_port: (\\d+)", text)[1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Ready).serve_forever()
"""


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with serving() as running:
        yield running


@pytest.fixture
def late_lab(server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningLab]:
    """A lab that has all servers but Tempo and Grafana, and whose vendor is the test."""
    lab = RunningLab(
        PROGRAM_MIRROR=server.mirror, PROGRAM_ARCHIVES="", PROGRAM_DOWNLOADS="true", LAB_CACHE=str(tmp_path / "cache")
    )
    there = {name: program(name).resolve().parent for name in ("otelcol", "prometheus", "alertmanager", "loki")}
    monkeypatch.setenv("LAB_CACHE", lab.environment["LAB_CACHE"])
    for name, folder in there.items():
        place = programs.folder(name, lab.settings.values)
        place.parent.mkdir(parents=True)
        place.symlink_to(folder)
    lab.environment["PATH"] = os.defpath
    try:
        yield lab
    finally:
        server.released.set()
        lab.stop()


def test_a_program_that_comes_late_takes_its_place(late_lab: RunningLab, server: ArchiveServer) -> None:
    values = late_lab.settings.values
    address = VENDORS["tempo"].addresses(values["TEMPO_VERSION"], Platform.here(), values)[0]
    text = TEMPO.replace("VERSION", values["TEMPO_VERSION"]).replace("PYTHON", sys.executable)
    # A third of it comes, then nothing until the test has looked around.
    server.offer(address, tar({"tempo": f"{text}#{os.urandom(50_000).hex()}\n".encode()})).hangs = 1
    described = late_lab.settings.native / "supervisord.conf"
    up = subprocess.Popen(
        late_lab.command("up"), env=late_lab.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert wait_for(lambda: answers(late_lab, "collector"), 60)
        assert wait_for(lambda: server.asked(address.file), 10)
        assert "traces-file.yaml" in described.read_text(), "the Collector keeps the traces meanwhile"
        assert "[program:tempo]" not in described.read_text()

        server.released.set()
        said, _ = up.communicate(timeout=90)
    finally:
        up.kill()

    assert up.returncode == 0, said
    assert "traces-tempo.yaml" in described.read_text()
    assert answers(late_lab, "collector"), "it was restarted"
    assert "✓ tempo" in said
    status = late_lab.run("status").stdout
    assert any("tempo" in line and "running" in line and "cache" in line for line in status.splitlines()), status
    assert "its archive cannot be downloaded" in status, "Grafana's: the vendor of the test does not have it"


def answers(lab: RunningLab, service: str) -> bool:
    try:
        return httpx.get(lab.url(service), timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
