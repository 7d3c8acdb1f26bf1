"""Pieces of queries about what Locust's users did and saw."""

from typing import Final

from grafana.source import queries
from services.telemetry import names

# Always-on users and those of a scenario, whichever process they live in.
ALL: Final = 'job="loadtest"'
FAILED: Final = f'{ALL},outcome!="ok"'

RATE: Final = queries.rate(names.LOCUST_REQUESTS, ALL)
# 0 where nothing failed or nothing was asked, as the service's own share.
FAILED_SHARE: Final = f"(({queries.rate(names.LOCUST_REQUESTS, FAILED)}) / ({RATE} > 0)) or (0 * {RATE})"


def quantile(share: float, by: str = "") -> str:
    """A quantile of the seconds that users waited."""
    return queries.quantile(share, names.LOCUST_DURATION, ALL, by)
