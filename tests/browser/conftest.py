"""The assistant and its model server as real processes on free ports, and Debian's Chromium in front of them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from tests.support.browser import chromium
from tests.support.browser.page import LAB_PAGES, Complaints, open_page
from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder; without Chromium it is named as not run."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.browser)
        if chromium.PROGRAM is None:
            item.add_marker(pytest.mark.skip(reason=chromium.NOT_RUN))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Chromium as the system has it; pytest-playwright's own download is not needed."""
    return {**browser_type_launch_args, "executable_path": chromium.PROGRAM, "args": chromium.ARGUMENTS}


def _service(name: str, port: int, folder: Path, **environment: str) -> Server:
    return Server(
        name,
        f"http://127.0.0.1:{port}",
        "/ready",
        [sys.executable, "-m", "gunicorn", "--config", "services/web/gunicorn.py", f"services.{name}.main:app"],
        folder,
        LISTEN=f"127.0.0.1:{port}",
        OTEL_SERVICE_NAME=name,
        # No Collector in these tests: trace ids are given all the same.
        OTEL_EXPORTER_OTLP_ENDPOINT="",
        LOG_DIR="",
        **environment,
    )


def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _assistant(folder: Path, model_url: str) -> Server:
    (port,) = free_ports(1)
    return _service(
        "assistant",
        port,
        folder,
        DATABASE_URL=f"sqlite:///{folder / 'assistant.db'}",
        DATA_DIR=str(folder),
        MODEL_BASE_URL=f"{model_url}/v1",
        OTEL_RESOURCE_ATTRIBUTES="service.version=9.9.9,deployment.environment.name=browser-test",
        **LAB_PAGES,
    )


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The model server, without latency."""
    (port,) = free_ports(1)
    no_latency = {"MODEL_FIRST_TOKEN_SECONDS": "0", "MODEL_TOKENS_PER_SECOND": "0"}
    yield from _running(_service("model", port, tmp_path_factory.mktemp("model"), **no_latency))


@pytest.fixture(scope="session")
def shared_assistant(model: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One assistant for the tests that leave it as it is or only add to it."""
    yield from _running(_assistant(tmp_path_factory.mktemp("assistant"), model.url))


@pytest.fixture
def fresh_assistant(model: Server, tmp_path: Path) -> Iterator[Server]:
    """An assistant of its own, with all counts at 0, that a test may stop and start."""
    yield from _running(_assistant(tmp_path, model.url))


@pytest.fixture(scope="module")
def level_assistant(model: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An assistant whose error rate a module's tests set, in rising order."""
    yield from _running(_assistant(tmp_path_factory.mktemp("level"), model.url))


@pytest.fixture
def api(shared_assistant: Server) -> Iterator[httpx.Client]:
    """The shared assistant, asked without the browser."""
    with httpx.Client(base_url=shared_assistant.url, timeout=10) as client:
        yield client


@pytest.fixture
def complaints(page: Page) -> Complaints:
    """Complaints of the test's page."""
    found = Complaints()
    found.watch(page)
    return found


@pytest.fixture
def opened(page: Page, shared_assistant: Server, complaints: Complaints) -> Page:
    """The page of the shared assistant, its figures read."""
    return open_page(page, shared_assistant.url)
