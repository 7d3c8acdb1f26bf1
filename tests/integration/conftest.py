"""Real servers for the whole session: started once, stopped whatever happens."""

from collections.abc import Iterator

import pytest

from lab.query import Lab
from tests.support.running import RunningLab


@pytest.fixture(scope="session")
def running_lab() -> Iterator[RunningLab]:
    """A lab with its always-on traffic."""
    running = RunningLab()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def quiet_lab() -> Iterator[RunningLab]:
    """A lab without traffic of its own and a model without latency, for tests that count."""
    running = RunningLab(STEADY_USERS="0", MODEL_FIRST_TOKEN_SECONDS="0", MODEL_TOKENS_PER_SECOND="0")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def lab(running_lab: RunningLab) -> Lab:
    """Clients for the servers of the lab with traffic."""
    return running_lab.lab
