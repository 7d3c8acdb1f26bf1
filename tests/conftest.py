"""Real servers for the whole session: started once, stopped whatever happens; and what could not run, named."""

from collections.abc import Iterator

import pytest

from lab.query import Lab
from tests.support.running import RunningLab


@pytest.fixture(scope="session")
def running_lab() -> Iterator[RunningLab]:
    """A lab with its always-on traffic."""
    yield from _lab()


@pytest.fixture(scope="session")
def quiet_lab() -> Iterator[RunningLab]:
    """A lab without traffic of its own and a model without latency, for tests that count."""
    yield from _lab(STEADY_USERS="0", MODEL_FIRST_TOKEN_SECONDS="0", MODEL_TOKENS_PER_SECOND="0")


def _lab(**values: str) -> Iterator[RunningLab]:
    running = RunningLab(**values)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def lab(running_lab: RunningLab) -> Lab:
    """Clients for the servers of the lab with traffic."""
    return running_lab.lab


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what could not run here, with the reason."""
    reasons: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons.setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid)
    if not reasons:
        return
    terminalreporter.section("not run here")
    for reason, tests in reasons.items():
        terminalreporter.write_line(f"{reason}:")
        for test in tests:
            terminalreporter.write_line(f"  {test}")
