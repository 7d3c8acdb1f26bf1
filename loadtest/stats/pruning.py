"""Limits Locust's memory over days: it keeps the counts of each second of each entry."""

import time
from typing import Any

# Locust computes its current rate from the last 12 s.
_KEEP_SECONDS = 120
# Points of the chart on Locust's page, one each 5 s.
_KEEP_POINTS = 720
_EVERY_SECONDS = 60


def delete_old(stats: Any, now: float) -> None:
    """Delete the counts per second older than two minutes, and the chart older than an hour; totals stay."""
    oldest = int(now) - _KEEP_SECONDS
    for entry in [stats.total, *stats.entries.values()]:
        for counts in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
            for second in [second for second in counts if second < oldest]:
                del counts[second]
    del stats.history[:-_KEEP_POINTS]


def prune_stats(stats: Any) -> None:
    """Delete old counts once a minute without end, in a thread; under Locust that is a greenlet."""
    while True:
        time.sleep(_EVERY_SECONDS)
        delete_old(stats, time.time())
