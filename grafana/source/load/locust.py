"""Pieces of queries about what Locust's users did and saw."""

from typing import Final

from grafana.source import queries
from loadtest.stats import metric_names as load_names

# Baseline users, those of a scenario, whichever process they live in, and the synthetic customer.
ALL: Final = 'job="loadtest"'
PEOPLE: Final = f'{ALL},origin!="journey"'
FAILED: Final = f'{ALL},outcome!="ok"'

RATE: Final = queries.rate(load_names.LOCUST_REQUESTS, ALL)
# 0 where nothing failed or nothing was asked, as the service's own share.
FAILED_SHARE: Final = f"(({queries.rate(load_names.LOCUST_REQUESTS, FAILED)}) / ({RATE} > 0)) or (0 * {RATE})"


def quantile(share: float) -> str:
    """A quantile of the seconds that users waited."""
    return queries.quantile(share, load_names.LOCUST_DURATION, ALL)
