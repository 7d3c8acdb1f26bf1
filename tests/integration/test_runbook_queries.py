"""Every query of a runbook can be pasted and runs without error on a real server, though an empty one has no answer."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.rules import RUNBOOKS, fences
from tests.support.servers import Server, loki, prometheus

PAGES = sorted(RUNBOOKS.glob("*.md"))
PROMQL = [pytest.param(query, id=f"{page.stem}-{query}") for page in PAGES for query in fences(page, "promql")]
LOGQL = [pytest.param(query, id=f"{page.stem}-{query}") for page in PAGES for query in fences(page, "logql")]


@pytest.fixture(scope="module")
def empty_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prometheus that scrapes nothing."""
    executable = program("prometheus")
    [port] = free_ports(1)
    yield from _running(prometheus(executable, port, tmp_path_factory.mktemp("prometheus")))


@pytest.fixture(scope="module")
def empty_loki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Loki without lines."""
    executable = program("loki")
    port, grpc_port = free_ports(2)
    yield from _running(loki(executable, port, grpc_port, tmp_path_factory.mktemp("loki")))


def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("query", PROMQL)
def test_a_promql_query_of_a_runbook_runs(empty_prometheus: Server, query: str) -> None:
    answer = httpx.get(f"{empty_prometheus.url}/api/v1/query", params={"query": query})
    assert (answer.status_code, answer.json().get("warnings", [])) == (200, []), answer.text


@pytest.mark.parametrize("query", LOGQL)
def test_a_logql_query_of_a_runbook_runs(empty_loki: Server, query: str) -> None:
    answer = httpx.get(f"{empty_loki.url}/loki/api/v1/query_range", params={"query": query})
    assert answer.status_code == 200, answer.text
