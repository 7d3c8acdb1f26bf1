"""CPU seconds per /chat, bare and instrumented, in interleaved rounds."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from lab.query import wait_for
from lab.settings import ROOT
from tests.support.labs.running import RunningLab
from tests.support.servers.ports import free_ports

ROUNDS = 7
REQUESTS = 150
WARM_UP = 40
BODY = {"message": "Do you have a free time tomorrow?", "business_id": "lab-doctor"}


def measure(running: RunningLab) -> dict[str, float]:
    """Median CPU milliseconds per /chat of the bare and of the instrumented assistant.

    Both call the model server of `running` (which must have no latency); the instrumented one sends every trace to its
    Collector and writes its log lines into the folder that the Collector reads.
    """
    environment = _environment_of(running)
    figures: dict[str, list[float]] = {"bare": [], "instrumented": []}
    with (
        _serve({**environment, "TELEMETRY_OFF": "true"}) as bare,
        _serve(environment) as instrumented,
    ):
        servers = {"bare": bare, "instrumented": instrumented}
        for url, _ in servers.values():
            _send(url, WARM_UP)
        for number in range(ROUNDS):
            for name in sorted(servers, reverse=bool(number % 2)):
                url, process = servers[name]
                before = sum(process.cpu_times()[:2])
                _send(url, REQUESTS)
                figures[name].append(1000 * (sum(process.cpu_times()[:2]) - before) / REQUESTS)
    return {name: statistics.median(values) for name, values in figures.items()}


def _environment_of(running: RunningLab) -> dict[str, str]:
    from lab.engines.native.engine import NativeEngine  # noqa: PLC0415

    own = NativeEngine(running.settings).derivation("assistant").environment()
    return {**own, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


@contextmanager
def _serve(environment: dict[str, str]) -> Iterator[tuple[str, psutil.Process]]:
    port = free_ports(1)[0]
    with tempfile.TemporaryDirectory() as folder:
        own = {
            "LISTEN": f"127.0.0.1:{port}",
            "DATABASE_URL": f"sqlite:///{folder}/bench.db",
            "DATA_DIR": folder,
            "OTEL_SERVICE_NAME": "bench",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "services/web/gunicorn.py", "services.assistant.main:app"],
            cwd=ROOT,
            env={**environment, **own},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            if not wait_for(lambda: _ready(url), 60):
                raise RuntimeError("the assistant did not become ready")
            yield url, psutil.Process(process.pid).children()[0]
        finally:
            process.terminate()
            process.wait(20)
            (Path(environment["LOG_DIR"]) / "bench.log").unlink(missing_ok=True)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _send(url: str, count: int) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        for _ in range(count):
            answer = client.post("/chat", json=BODY)
            if answer.status_code != httpx.codes.OK or answer.json()["outcome"] != "ok":
                raise RuntimeError(f"/chat answered {answer.status_code}: {answer.text[:200]}")
