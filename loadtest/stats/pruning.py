"""Keeps Locust small while it runs for days: it stores each second of each entry for ever."""

import time
from typing import Any

# Locust looks back 12 s for its current rate.
_KEEP_SECONDS = 120
# Points of the chart on Locust's page, one every 5 s.
_KEEP_POINTS = 720
_EVERY_SECONDS = 60


def forget_old(stats: Any, now: float) -> None:
    """Drop the per-second counts older than two minutes, and all but the last hour of the chart; totals stay."""
    oldest = int(now) - _KEEP_SECONDS
    for entry in [stats.total, *stats.entries.values()]:
        for counts in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
            for second in [second for second in counts if second < oldest]:
                del counts[second]
    del stats.history[:-_KEEP_POINTS]


def prune_stats(stats: Any) -> None:
    """Do so once a minute, for ever. Run it in a thread: under Locust that is one of its greenlets."""
    while True:
        time.sleep(_EVERY_SECONDS)
        forget_old(stats, time.time())
