"""Preconditions: what must have left the metrics before a scenario starts, because it would hide its effects."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Precondition:
    """A scenario waits while `query` returns a value above zero in Prometheus; `cause` names what it waits for."""

    cause: str
    query: str


# Many successful requests of a crowd that has left would hide the share that fails now. A baseline user sends half a
# request a second, hardly ever a whole one.
TRAFFIC_AT_BASELINE: Final = Precondition(
    "the crowd of before",
    'sum(rate(ai_requests_total[1m])) > (sum(locust_users{origin="baseline",user="BaselineUser"}) > 0)',
)
# For alerts on a share of failures: all failures must be those of the scenario.
NO_RECENT_ERRORS: Final = Precondition("what failed before", 'sum(increase(ai_requests_total{outcome!="ok"}[1m])) >= 1')
# For alerts that need a minute of samples of the assistant.
NO_RECENT_RESTART: Final = Precondition("the assistant's start", '11 - min(sum_over_time(up{job="assistant"}[1m]))')
