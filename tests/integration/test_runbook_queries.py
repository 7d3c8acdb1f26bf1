"""Every query of a runbook can be pasted and runs without error on a real server, though an empty one has no answer."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.rules import RUNBOOKS, fences
from tests.support.servers import Server, prometheus

QUERIES = [(page.stem, query) for page in sorted(RUNBOOKS.glob("*.md")) for query in fences(page, "promql")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An empty Prometheus."""
    executable = program("prometheus")
    [port] = free_ports(1)
    found = prometheus(executable, port, tmp_path_factory.mktemp("prometheus"))
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.mark.parametrize(("runbook", "query"), QUERIES)
def test_a_query_of_a_runbook_runs(server: Server, runbook: str, query: str) -> None:
    answer = httpx.get(f"{server.url}/api/v1/query", params={"query": query}).json()
    assert answer["status"] == "success", f"{runbook}: {answer}"
    assert answer.get("warnings", []) == []
