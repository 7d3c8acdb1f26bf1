"""`make bench`: start time, cost of instrumentation, request to visible, memory; with the goals next to them."""

import random
import re
import statistics
import time

from rich.console import Console
from rich.table import Table

from lab import doctor
from lab.engines.native.engine import NativeEngine
from tests.bench import cpu
from tests.support.labs.running import RunningLab

TRIES = 20


def main() -> None:
    """Start a lab twice, measure, stop it."""
    console = Console()
    running = RunningLab(BASELINE_USERS="2", MODEL_FIRST_TOKEN_SECONDS="0", MODEL_TOKENS_PER_SECOND="0")
    table = Table(box=None, title="Figures of this machine, now")
    for column in ("What", "Measured", "Goal"):
        table.add_column(column)
    try:
        console.print("Starting a lab from nothing, stopping it, starting it again ...")
        table.add_row("start, empty volumes", f"{_up(running):.1f} s", "60 s")
        running.run("down")
        table.add_row("start, later", f"{_up(running):.1f} s", "15 s")
        console.print(f"CPU per /chat: {cpu.ROUNDS} interleaved rounds of {cpu.REQUESTS} requests ...")
        figures = cpu.measure(running)
        table.add_row("CPU per /chat, bare", f"{figures['bare']:.2f} ms", "")
        table.add_row("CPU per /chat, instrumented", f"{figures['instrumented']:.2f} ms", "")
        table.add_row("bare / instrumented", f"{figures['bare'] / figures['instrumented']:.2f}", "0.65")
        console.print(f"Request to visible: {TRIES} tries ...")
        visible = _visible(running)
        for name, goal in (("metric", 6), ("log line", 1.5), ("trace", 4)):
            table.add_row(f"{name} visible, p50 / p95", _spread(visible[name]), f"{goal} s at p95")
        used = {row.name: row.memory / 2**20 for row in NativeEngine(running.settings).status() if row.memory}
        for name, mebibytes in used.items():
            table.add_row(f"memory of {name}", f"{mebibytes:.0f} MiB", "")
        table.add_row("memory in all", f"{sum(used.values()):.0f} MiB", "2048 MiB")
    finally:
        running.stop()
    console.print(table)


def _up(running: RunningLab) -> float:
    said = running.run("up", timeout=1800).stdout
    found = re.search(r"Ready in ([\d.]+) s", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


def _visible(running: RunningLab) -> dict[str, list[float]]:
    lab = running.lab
    seconds: dict[str, list[float]] = {}
    for _ in range(TRIES):
        for finding in doctor.follow(lab):
            if not finding.ok or finding.seconds is None:
                raise RuntimeError(f"{finding.name}: {finding.text}")
            seconds.setdefault(finding.name, []).append(finding.seconds)
        # Begin anywhere between two scrapes: the doctor ends right behind one.
        time.sleep(random.uniform(0, 5))
    return seconds


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"{statistics.median(ordered):.2f} / {ordered[int(0.95 * (len(ordered) - 1))]:.2f} s"


if __name__ == "__main__":
    main()
