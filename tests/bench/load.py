"""`python -m tests.bench.load [SECONDS]`: what the lab holds with a model without latency, and what is full first.

Requests are sent at their times, whether or not earlier ones were answered; the seconds count from those times, so
that a server that falls behind cannot hide it. Then the rate of chats is doubled until it is no longer held.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil
from rich.console import Console
from rich.table import Table

from tests.support.labs.running import RunningLab

GOALS = {"/health": 150.0, "/chat": 40.0}
_CONNECTIONS = 60
_ANSWER_SECONDS = 15.0
_BUSINESSES = 40
# Ids of businesses that chats go to.
NAMES: list[str] = []


@dataclass
class Seen:
    """What came back."""

    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    cpu: dict[str, float] = field(default_factory=dict)
    took: float = 0.0

    def row(self) -> tuple[str, ...]:
        """Requests a second, failures, p50, p95, p99, and who used most of a core."""
        ordered = sorted(self.seconds) or [float("nan")]
        at = [ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95, 0.99)]
        most = sorted(self.cpu.items(), key=lambda one: -one[1])[:4]
        return (
            f"{len(self.seconds) / self.took:.1f}",
            str(sum(self.failures.values())) + (f" {dict(self.failures)}" if self.failures else ""),
            " / ".join(f"{1000 * one:.0f}" for one in at),
            ", ".join(f"{name} {100 * share:.0f} %" for name, share in most),
        )


class Cpu:
    """CPU time of the lab's processes, by service, and of this one."""

    def __init__(self, running: RunningLab) -> None:
        ports = {port: key.removesuffix("_PORT").lower() for key, port in running.settings.ports().items()}
        self._processes: dict[psutil.Process, str] = {psutil.Process(): "this generator"}
        for connection in psutil.net_connections("tcp"):
            name = ports.get(connection.laddr.port) if connection.status == psutil.CONN_LISTEN else None
            if name and connection.pid:
                self._processes[psutil.Process(connection.pid)] = name.split("_", 1)[0]
        self._before = self._now()
        self._whole = sum(psutil.cpu_times()[:3])

    def used(self, seconds: float) -> dict[str, float]:
        """Return cores used by each service since the start."""
        result: Counter[str] = Counter()
        for process, now in self._now().items():
            result[self._processes[process]] += (now - self._before[process]) / seconds
        others = (sum(psutil.cpu_times()[:3]) - self._whole) / seconds - sum(result.values())
        return {**result, "everything else": others}

    def _now(self) -> dict[psutil.Process, float]:
        return {process: sum(process.cpu_times()[:2]) for process in self._processes}


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, number: int) -> str:
    """Send one request on an open connection; returns what is wrong with the answer, empty: nothing."""
    body = b""
    if path == "/chat":
        message = {"message": "Do you have a free time tomorrow?", "business_id": NAMES[number % len(NAMES)]}
        body = json.dumps(message).encode()
    method = "POST" if body else "GET"
    head = f"{method} {path} HTTP/1.1\r\nHost: lab\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(answer.split("content-length:", 1)[1].split("\r\n", 1)[0])
    content = await reader.readexactly(length)
    status = answer.split(" ", 2)[1]
    if status != "200":
        return f"status {status}"
    return "" if path != "/chat" or json.loads(content)["outcome"] == "ok" else "fallback"


async def _send(port: int, rates: dict[str, float], seconds: float) -> Seen:
    seen = Seen()
    due: asyncio.Queue[tuple[float, str, int]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    start = loop.time() + 0.2

    async def connection() -> None:
        reader = writer = None
        while True:
            at, path, number = await due.get()
            try:
                if reader is None or writer is None or writer.is_closing():
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                wrong = await asyncio.wait_for(_ask(reader, writer, path, number), _ANSWER_SECONDS)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                # A server may close a connection that was idle; what was sent on it is lost for a user, too.
                wrong = type(error).__name__
                if writer:
                    writer.close()
                reader = writer = None
            seen.seconds.append(loop.time() - at)
            if wrong:
                seen.failures[f"{path} {wrong}"] += 1
            due.task_done()

    workers = [asyncio.create_task(connection()) for _ in range(_CONNECTIONS)]
    times = sorted(
        (start + number / rate, path, number) for path, rate in rates.items() for number in range(int(rate * seconds))
    )
    for at, path, number in times:
        await asyncio.sleep(max(0.0, at - loop.time()))
        due.put_nowait((at, path, number))
    await due.join()
    seen.took = max(seconds, loop.time() - start)
    for worker in workers:
        worker.cancel()
    return seen


def measure(running: RunningLab, rates: dict[str, float], seconds: float) -> Seen:
    """Send requests at these rates."""
    cpu, began = Cpu(running), time.monotonic()
    seen = asyncio.run(_send(running.settings.ports()["ASSISTANT_PORT"], rates, seconds))
    seen.cpu = cpu.used(time.monotonic() - began)
    return seen


def main() -> None:
    """Start a lab, measure, stop it; exit code 1 when the goals are not held."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    console = Console(width=160)
    running = RunningLab(BASELINE_USERS="0", MODEL_FIRST_TOKEN_SECONDS="0", MODEL_TOKENS_PER_SECOND="0")
    title = f"{seconds:g} s each, on {os.cpu_count()} cores; load of the machine before: {os.getloadavg()[0]:.1f}"
    table = Table(box=None, title=title)
    for column in ("Sent", "Answered/s", "Failures", "p50 / p95 / p99 ms", "CPU (100 % is a core)"):
        table.add_column(column, overflow="fold")
    held = True
    try:
        running.start()
        NAMES[:] = [row["id"] for row in running.lab.assistant.businesses()][:_BUSINESSES]
        measure(running, {"/chat": 10.0}, 3)
        for rates in ({"/health": GOALS["/health"]}, {"/chat": GOALS["/chat"]}, GOALS):
            seen = measure(running, rates, seconds)
            held &= not seen.failures
            table.add_row(_words(rates), *seen.row())
        rate = GOALS["/chat"]
        while rate < 1000:
            rate *= 1.5
            seen = measure(running, {"/chat": rate}, min(20.0, seconds))
            table.add_row(_words({"/chat": rate}), *seen.row())
            if seen.failures or len(seen.seconds) / seen.took < 0.95 * rate:
                break
    finally:
        running.stop()
        console.print(table)
    raise SystemExit(0 if held else 1)


def _words(rates: dict[str, float]) -> str:
    return " and ".join(f"{rate:g}/s {path}" for path, rate in rates.items())


if __name__ == "__main__":
    main()
