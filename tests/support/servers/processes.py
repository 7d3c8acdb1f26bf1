"""Single servers on free ports, for tests that need one or two and not the whole lab."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from lab.settings import ROOT

STOP_SECONDS = 10


def until(what: str, check: Callable[[], object], seconds: float, pause: float = 0.1) -> float:
    """Ask until `check` is true, at most so long; return how long it took. Fails with `what` was waited for."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if check():
            return time.monotonic() - started
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s: {what}")


class Server:
    """A process that answers HTTP: started, stopped, killed, and started again over the same files."""

    def __init__(self, name: str, url: str, ready: str, command: list[str], folder: Path, **environment: str) -> None:
        self.url = url
        self._name = name
        self._ready = url + ready
        self._command = command
        self._environment = {**os.environ, **environment}
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 30) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            until(f"{self._name} is ready", self._is_ready, seconds)
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self._log.read_text()[-2000:]}") from None

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self._name} has stopped:\n{self._log.read_text()[-2000:]}"
        try:
            return httpx.get(self._ready, timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Ask it to stop; kill it when it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it, as a machine without memory would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def pager(port: int, folder: Path, **environment: str) -> Server:
    """The pager under gunicorn, with its database in the folder and the lab's rotation."""
    return Server(
        "pager",
        f"http://127.0.0.1:{port}",
        "/ready",
        [sys.executable, "-m", "gunicorn", "--config", "services/web/gunicorn.py", "services.pager.main:app"],
        folder,
        LISTEN=f"127.0.0.1:{port}",
        OTEL_SERVICE_NAME="pager",
        LOG_STDOUT="true",
        DATABASE_URL=f"sqlite:///{folder / 'pager.db'}",
        RUNBOOKS_DIR=str(ROOT / "runbooks"),
        **{"ROTATION_FILE": str(ROOT / "oncall" / "rotation.yml"), **environment},
    )


def alertmanager(executable: Path, port: int, pager_port: int, folder: Path, mail_port: int = 9) -> Server:
    """Alertmanager with the lab's own configuration, only the pager's addresses replaced; port 9 has no listener."""
    config = folder / "alertmanager.yml"
    text = (ROOT / "alertmanager" / "alertmanager.yml").read_text()
    text = text.replace("pager:5003", f"127.0.0.1:{pager_port}")
    config.write_text(text.replace("pager:5025", f"127.0.0.1:{mail_port}"))
    shutil.copytree(ROOT / "alertmanager" / "templates", folder / "templates", dirs_exist_ok=True)
    return Server(
        "alertmanager",
        f"http://127.0.0.1:{port}",
        "/-/ready",
        [
            str(executable),
            f"--config.file={config}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--data.maintenance-interval=1s",
        ],
        folder,
    )


def prometheus(executable: Path, port: int, folder: Path, settings: str = "{}\n") -> Server:
    """Prometheus with these settings; by default it scrapes nothing, enough to ask whether a query runs."""
    config = folder / "prometheus.yml"
    config.write_text(settings)
    return Server(
        "prometheus",
        f"http://127.0.0.1:{port}",
        "/-/ready",
        [
            str(executable),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        folder,
    )


def loki(
    executable: Path,
    port: int,
    grpc_port: int,
    folder: Path,
    *,
    rules: Path = ROOT / "loki" / "rules",
    pager_url: str = "http://127.0.0.1:5003",
) -> Server:
    """Loki with the lab's own configuration, only ports and folders replaced; with other rules where they are given."""
    config = folder / "loki.yml"
    text = (ROOT / "loki" / "loki.yml").read_text()
    text = text.replace("0.0.0.0", "127.0.0.1")
    text = re.sub(r"\b3100\b", str(port), text)
    text = re.sub(r"\b9095\b", str(grpc_port), text)
    text = text.replace("/etc/loki/rules", str(rules))
    config.write_text(re.sub(r"(?<= )/loki\b", str(folder / "loki"), text))
    return Server(
        "loki",
        f"http://127.0.0.1:{port}",
        "/ready",
        [str(executable), f"-config.file={config}", "-config.expand-env=true"],
        folder,
        LOKI_RETENTION="48h",
        PAGER_URL=pager_url,
        GRAFANA_URL="http://127.0.0.1:3000",
    )
