"""Every query of a runbook can be pasted and runs without error: on empty servers, and on a lab with traffic."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from lab.query import wait_for
from lab.settings import ROOT
from tests.support.alerting.rules import RUNBOOKS, fences, rules
from tests.support.labs.programs import program
from tests.support.labs.running import RunningLab
from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server, loki, prometheus

PAGES = [*sorted(RUNBOOKS.glob("*.md")), ROOT / "docs" / "incident-response.md"]
# Counters of the Collector and of Loki that are absent until there is something to count.
ABSENT_IN_PEACE = {"otelcol_receiver_refused_log_records_total", "loki_discarded_samples_total"}


def _queries(language: str) -> list[object]:
    """Each query of the pages once, under the name of the first page that has it."""
    found: dict[str, Path] = {}
    for page in PAGES:
        for query in fences(page, language):
            found.setdefault(query, page)
    return [pytest.param(query, id=f"{page.stem}-{query}") for query, page in found.items()]


PROMQL, LOGQL, TRACEQL = (_queries(language) for language in ("promql", "logql", "traceql"))


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


@pytest.fixture(scope="module")
def busy_lab(running_lab: RunningLab) -> RunningLab:
    """A lab with half a minute of traffic in all signals."""
    asked = "sum(increase(ai_requests_total[30s])) > 10 and sum(lab_journey_runs_total) > 0"
    assert wait_for(lambda: running_lab.lab.prometheus.query(asked), 90), "no traffic"
    line = '{service_name="assistant", kind="access"}'
    assert wait_for(lambda: running_lab.lab.loki.query(line, time.time() - 300), 30), "no log lines"
    return running_lab


@pytest.mark.parametrize("query", PROMQL)
def test_a_promql_query_of_a_runbook_runs(empty_prometheus: Server, query: str) -> None:
    _ask_prometheus(empty_prometheus.url, query)


@pytest.mark.parametrize("query", LOGQL)
def test_a_logql_query_of_a_runbook_runs(empty_loki: Server, query: str) -> None:
    _ask_loki(empty_loki.url, query)


@pytest.mark.parametrize("query", PROMQL)
def test_a_promql_query_runs_on_what_a_lab_has(busy_lab: RunningLab, query: str) -> None:
    """Series that do not match each other as the query thinks show only where there are series."""
    _ask_prometheus(busy_lab.url("prometheus"), query)


@pytest.mark.parametrize("query", LOGQL)
def test_a_logql_query_runs_on_what_a_lab_has(busy_lab: RunningLab, query: str) -> None:
    _ask_loki(busy_lab.url("loki"), query)


@pytest.mark.parametrize("query", TRACEQL)
def test_a_traceql_query_runs(need: Callable[[str], None], request: pytest.FixtureRequest, query: str) -> None:
    need("tempo")
    running: RunningLab = request.getfixturevalue("busy_lab")
    answer = httpx.get(f"{running.url('tempo')}/api/search", params={"q": query}, timeout=20)
    assert answer.status_code == 200, answer.text


def test_every_metric_that_a_runbook_asks_for_is_there(busy_lab: RunningLab) -> None:
    """A name with a slip in it would answer nothing, and nothing looks like good news."""
    answer = httpx.get(f"{busy_lab.url('prometheus')}/api/v1/label/__name__/values").raise_for_status()
    # What rules record may need its minute to come.
    known = set(answer.json()["data"]) | {str(rule["record"]) for rule in rules() if "record" in rule}
    asked = {name for query in PROMQL for name in _metrics(str(query.values[0]))}  # type: ignore[attr-defined]
    assert len(asked) > 60
    assert asked - known <= ABSENT_IN_PEACE


def _metrics(query: str) -> set[str]:
    """The names of metrics in a query: words with an underscore or colon outside of braces and of label lists."""
    bare = re.sub(r"\b(?:by|on|without|ignoring|group_left|group_right) *\([^)]*\)", "", query)
    bare = re.sub(r"\{[^}]*\}", " ", bare)
    return set(re.findall(r"\b[a-z][a-z0-9_:]*[_:][a-z0-9_:]+\b(?! *\()", bare))


def _ask_prometheus(url: str, query: str) -> None:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=20)
    assert (answer.status_code, answer.json().get("warnings", [])) == (200, []), answer.text


def _ask_loki(url: str, query: str) -> None:
    answer = httpx.get(f"{url}/loki/api/v1/query_range", params={"query": query}, timeout=20)
    assert answer.status_code == 200, answer.text
