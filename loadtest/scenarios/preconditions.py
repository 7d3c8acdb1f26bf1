"""What must have left the stats of before a scenario begins, because it would blur what the scenario does."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Precondition:
    """Something of before: a scenario waits as long as `query` gives a value above zero in Prometheus."""

    of: str
    query: str


# The many good answers of a crowd that has just left would hide which share fails now. One of the baseline users sends
# half a request a second, hardly ever a whole one.
TRAFFIC_AT_BASELINE: Final = Precondition(
    "the crowd of before",
    'sum(rate(ai_requests_total[1m])) > (sum(locust_users{origin="baseline",user="BaselineUser"}) > 0)',
)
# Who judges a share of failures wants them to be its own.
NO_RECENT_ERRORS: Final = Precondition("what failed before", 'sum(increase(ai_requests_total{outcome!="ok"}[1m])) >= 1')
# An alert that wants the assistant to have been watched for a minute does not come sooner.
NO_RECENT_RESTART: Final = Precondition("the assistant's start", '11 - min(sum_over_time(up{job="assistant"}[1m]))')
