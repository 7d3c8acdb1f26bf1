"""Real servers for the whole session: started once, always stopped; and a summary of what could not run."""

import signal
from collections.abc import Callable, Iterator

import pytest
from xdist.remote import Producer

from lab.query import Lab
from tests.compose.container_engine import ContainerEngine, NoEngineError, prepared
from tests.support import parallel
from tests.support.labs.programs import program
from tests.support.labs.running import RunningLab, started_lab


def pytest_configure() -> None:
    """Take Ctrl-C: a run in the background of a script ignores it, and so would every process that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> parallel.Shares:
    """Share the tests out when several run at once."""
    return parallel.Shares(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest when several run at once."""
    if hasattr(config, "workerinput"):
        parallel.in_order(items)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--engine=compose` runs the same tests on containers."""
    parser.addoption("--engine", choices=("native", "compose"), default="native", help="What the lab runs on.")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """Name of the engine that the labs of these tests run on."""
    name: str = request.config.getoption("--engine")
    if name == "compose":
        request.getfixturevalue("container_engine")
    return name


@pytest.fixture(scope="session")
def container_engine(request: pytest.FixtureRequest) -> Iterator[ContainerEngine]:
    """A real container engine with every image; all tests that need it fail where none can be had."""
    if request.config.getoption("--engine") != "compose":
        pytest.skip("needs a container engine: `make test-compose`")
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")

    def say(text: str) -> None:
        if terminal:
            terminal.write_line(f"engine: {text}")

    try:
        with prepared(say) as found:
            request.config.stash[_ENGINE] = found
            yield found
    except NoEngineError as error:
        pytest.fail(str(error))


_ENGINE = pytest.StashKey[ContainerEngine]()


@pytest.fixture(scope="session")
def need(request: pytest.FixtureRequest, engine: str) -> Callable[[str], None]:
    """Skip a test, with the reason, where the engine cannot run the server that is named."""

    def check(name: str) -> None:
        if engine == "native":
            program(name)
        elif reason := request.getfixturevalue("container_engine").absent.get(name):
            pytest.skip(reason)

    return check


@pytest.fixture
def traces(engine: str, need: Callable[[str], None]) -> None:
    """Skip a test that follows spans where nothing keeps them: natively the Collector's file does without Tempo."""
    if engine == "compose":
        need("tempo")


@pytest.fixture(scope="session")
def running_lab(engine: str) -> Iterator[RunningLab]:
    """A lab with its baseline traffic."""
    yield from started_lab(engine)


@pytest.fixture(scope="session")
def quiet_lab(engine: str) -> Iterator[RunningLab]:
    """A lab without traffic of its own and a model without latency, for tests that count."""
    fast = {"MODEL_FIRST_TOKEN_SECONDS": "0", "MODEL_TOKENS_PER_SECOND": "0"}
    yield from started_lab(engine, BASELINE_USERS="0", JOURNEY_SECONDS="0", **fast)


@pytest.fixture
def lab(running_lab: RunningLab) -> Lab:
    """Clients for the servers of the lab with traffic."""
    return running_lab.lab


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what could not run here, with the reason; and what the containers were made of."""
    if (used := terminalreporter.config.stash.get(_ENGINE, None)) is not None:
        terminalreporter.section("container engine")
        terminalreporter.write_line(used.about)
        for image in used.images:
            terminalreporter.write_line(f"  {image.reference}: {image.source or image.absent}")
        for name, reason in used.absent.items():
            terminalreporter.write_line(f"not run: {name}: {reason}")
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
