"""A small lab whose Loki is a tiny program under a real supervisord: it can be stopped and started in moments."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from lab import envfile
from lab.engines.native.supervisor import Process, Supervisor
from lab.settings import ROOT, LabSettings, State
from tests.support.servers.ports import free_ports

# Answers 200 to everything; a SIGTERM takes it a moment, as with real servers.
_SERVER = """
import http.server, signal, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.4), sys.exit(0)))
threading.Thread(target=server.serve_forever, daemon=True).start()
while True: time.sleep(60)
"""


class Stoppable:
    """Start it with `start`, and `end` it."""

    def __init__(self, home: Path, values: Mapping[str, str] | None = None) -> None:
        every = envfile.read(ROOT / ".env", {})
        keys = [key for key in every if key.endswith("_PORT")]
        ports = {key: str(port) for key, port in zip(keys, free_ports(len(keys)), strict=True)}
        own = {"LOKI_PORT": ports["LOKI_PORT"], "LAB_ENGINE": "native"}
        self.settings = LabSettings(ROOT, home, {**every, **ports, **(values or {}), **own})
        self.supervisor = Supervisor(self.settings.native)
        # A stand-in for its other servers, where a test needs one.
        self.server: Any = None

    def start(self) -> None:
        self.settings.native.mkdir(parents=True, exist_ok=True)
        program = self.settings.home / "server.py"
        program.write_text(_SERVER)
        command = [sys.executable, str(program), self.settings.values["LOKI_PORT"]]
        self.supervisor.write([Process("loki", command, {}, self.settings.home, stop_seconds=5)])
        self.supervisor.start_daemon()
        self.restore()

    def restore(self) -> None:
        """Run as at the beginning, whatever a test has left."""
        for note in (self.settings.home / "stopped").glob("*"):
            note.unlink()
        self.supervisor.start("loki")
        State("native", time.time(), dict(self.settings.values), {"tempo": "there is none here"}).write(self.settings)

    def answers(self) -> bool:
        try:
            return httpx.get(self.settings.url("loki"), timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def state(self) -> str:
        return self.supervisor.processes()["loki"].state

    def end(self) -> None:
        self.supervisor.shutdown()
