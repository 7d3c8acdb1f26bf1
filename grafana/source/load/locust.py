"""Parts of queries of the metrics of Locust's users."""

from typing import Final

from grafana.source import queries
from loadtest.stats import metric_names as load_names

# Baseline users and those of a scenario, of any process, and the synthetic customer.
ALL: Final = 'job="loadtest"'
USERS: Final = f'{ALL},origin!="journey"'
FAILED: Final = f'{ALL},outcome!="ok"'

RATE: Final = queries.rate(load_names.LOCUST_REQUESTS, ALL)
# 0 without failures or requests, as the service's own share.
FAILED_SHARE: Final = f"(({queries.rate(load_names.LOCUST_REQUESTS, FAILED)}) / ({RATE} > 0)) or (0 * {RATE})"
