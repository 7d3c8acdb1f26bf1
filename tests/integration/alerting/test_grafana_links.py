"""The dashboards and every link between the signals, clicked in a real Grafana by a real browser."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Page, Playwright, Response, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from lab.query import wait_for
from lab.settings import ROOT
from tests.support.browser import chromium
from tests.support.labs.running import RunningLab

pytestmark = pytest.mark.browser

DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
}
# The browser and the servers share a small machine.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
# A lab in good order writes no errors.
MAY_BE_EMPTY = {"Errors and warnings"}
# One query for the healthy state and one for the other: only one of them has data.
ONE_QUERY_IS_ENOUGH = {"Cause and effect", "Alerts over time"}


# Of the session, so that it comes before the lab is started.
@pytest.fixture(scope="session", autouse=True)
def _programs(need: Callable[[str], None]) -> None:
    """Grafana and Tempo cannot be had everywhere: they are there, or these tests are named as not run."""
    for name in ("grafana", "tempo"):
        need(name)
    if chromium.PROGRAM is None:
        pytest.skip(chromium.NOT_RUN)


@pytest.fixture(scope="module")
def grafana(running_lab: RunningLab) -> str:
    """Address of a Grafana that has a minute of traffic to show."""
    prometheus = running_lab.lab.prometheus
    # The journey sends the fewest requests.
    for query in (
        "sum(increase(ai_requests_total[1m])) > 30",
        "sum(increase(lab_journey_runs_total[1m])) > 1",
        # Recorded once a minute.
        "count(slo:period_error_budget_remaining:ratio) == 3",
    ):
        assert wait_for(partial(prometheus.query, query), 120), f"no traffic: {query}"
    return running_lab.url("grafana")


@pytest.fixture(scope="module")
def trace_id(running_lab: RunningLab, grafana: str) -> str:
    """A chat whose spans and log lines have arrived."""
    answer = httpx.post(running_lab.url("assistant") + "/chat", json={"message": "Hello"}, timeout=30)
    trace: str = answer.json()["trace_id"]
    line = f'{{service_name="assistant", kind="access"}} | trace_id = "{trace}"'
    assert wait_for(lambda: running_lab.lab.traces().get(trace), 20), "the trace did not arrive"
    assert wait_for(lambda: running_lab.lab.loki.query(line, time.time() - 300), 20), "the log line did not arrive"
    return trace


@pytest.fixture
def tab(playwright: Playwright) -> Iterator[Page]:
    """A window of 1440 x 1000 of a visitor who is not logged in."""
    browser = playwright.chromium.launch(executable_path=chromium.PROGRAM, args=chromium.ARGUMENTS)
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(PATIENCE_MS)
    yield page
    browser.close()


def panel(title: str, uid: str = "service") -> dict[str, Any]:
    [found] = [panel for panel in DASHBOARDS[uid]["panels"] if panel["title"] == title]
    return dict(found)


def open_dashboard(tab: Page, grafana: str, title: str = "") -> Locator:
    """Open the dashboard, or one of its panels alone (fewer queries); returns what holds the panel."""
    alone = f"&viewPanel=panel-{panel(title)['id']}" if title else ""
    # A refresh every 5 s, the dashboard's own, takes away what the mouse has just opened.
    tab.goto(f"{grafana}/d/service?from=now-5m&to=now&refresh=1h{alone}")
    return tab.locator("section").filter(has=tab.get_by_text(title or "Traffic by route", exact=True)).first


def open_explore(tab: Page, grafana: str, source: str, **query: str) -> None:
    pane = {
        "datasource": source,
        "queries": [{"refId": "A", "datasource": {"type": source, "uid": source}, **query}],
        "range": {"from": "now-15m", "to": "now"},
    }
    tab.goto(f"{grafana}/explore?schemaVersion=1&orgId=1&panes={quote(json.dumps({'lab': pane}))}")


def open_trace(tab: Page, grafana: str, trace_id: str) -> None:
    open_explore(tab, grafana, "tempo", query=trace_id, queryType="traceql")
    expect_trace(tab, trace_id)


def expect_trace(tab: Page, trace_id: str) -> None:
    """The trace is drawn: its id and its bars."""
    expect(tab.get_by_text("Service & Operation").first).to_be_visible()
    expect(tab.get_by_text(trace_id).first).to_be_visible()
    expect(tab.get_by_test_id("SpanLinksMenu").first).to_be_visible()


def frames(answer: Any) -> list[dict[str, Any]]:
    """The frames of a data source's answer that hold at least one value; a NaN is none, and lines of logs are."""
    listed = [frame for result in answer["results"].values() for frame in result.get("frames", [])]
    return [
        frame
        for frame in listed
        if len(frame["data"]["values"]) > 1 and any(value is not None for value in frame["data"]["values"][1])
    ]


def asked(response: Response, source: str) -> bool:
    """Whether it answers a query to the data source; Tempo's search goes through Grafana's proxy."""
    query = "/uid/tempo/" if source == "tempo" else f"/api/ds/query?ds_type={source}"
    return query in response.url and response.ok


def test_the_home_page_is_the_dashboard_without_login(tab: Page, grafana: str) -> None:
    tab.goto(grafana)
    for title in ("Chat p95", "Scraped by Prometheus", "Failed share"):
        expect(tab.get_by_text(title, exact=True).first).to_be_visible()


def ask(grafana: str, targets: list[dict[str, Any]], minutes: int = 5) -> list[dict[str, Any]]:
    """What Grafana answers to the queries of a panel, in their order, over the last minutes."""
    queries = [
        {
            **json.loads(json.dumps(target).replace("$route", ".+")),
            "refId": str(number),
            "intervalMs": 5000,
            "maxDataPoints": 500,
        }
        for number, target in enumerate(targets)
    ]
    body = {"queries": queries, "from": f"now-{minutes}m", "to": "now"}
    answer = httpx.post(f"{grafana}/api/ds/query", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    results = [answer.json()["results"][str(number)] for number in range(len(queries))]
    assert [result.get("error") for result in results] == [None] * len(results)
    return results


@pytest.mark.parametrize(
    ("uid", "title"),
    [(uid, p["title"]) for uid, dashboard in DASHBOARDS.items() for p in dashboard["panels"] if p.get("targets")],
)
def test_every_panel_has_data(grafana: str, uid: str, title: str) -> None:
    targets = panel(title, uid)["targets"]
    empty = [
        target["expr"]
        for target, result in zip(targets, ask(grafana, targets), strict=True)
        if not frames({"results": {"0": result}})
    ]
    if title in ONE_QUERY_IS_ENOUGH:
        assert len(empty) < len(targets), empty
    elif title not in MAY_BE_EMPTY:
        assert empty == []


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
def test_no_panel_shows_an_error(tab: Page, grafana: str, uid: str) -> None:
    refused: list[str] = []
    tab.on("response", lambda r: refused.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    # Panels ask only once they are in sight, and the lowest ones last.
    tab.set_viewport_size({"width": 1440, "height": 3000})
    lowest = [p for p in DASHBOARDS[uid]["panels"] if p.get("targets")][-1]
    expression = json.dumps(lowest["targets"][0]["expr"])
    with tab.expect_response(lambda r: expression in (r.request.post_data or "")):
        tab.goto(f"{grafana}/d/{uid}?from=now-5m&to=now&refresh=1h")
    empty = tab.locator("section").filter(has=tab.get_by_text("No data", exact=True)).get_by_role("heading")
    assert set(empty.all_inner_texts()) <= MAY_BE_EMPTY
    expect(tab.get_by_test_id(re.compile("Panel status error"))).to_have_count(0)
    assert refused == []


@pytest.mark.parametrize(("hidden", "name"), [(False, "latency"), (True, "hidden")])
def test_a_fault_is_seen_on_the_time_axis_and_as_a_band(
    grafana: str, running_lab: RunningLab, hidden: bool, name: str
) -> None:
    """The panel shows the name of the fault; a hidden fault is shown as `hidden`."""
    axis = panel("Cause and effect", "load")["targets"]
    bands = [band for band in DASHBOARDS["load"]["annotations"]["list"] if band["name"] == "Faults"]

    def series(targets: list[dict[str, Any]]) -> list[dict[str, Any]]:
        # Results of a minute ago may still be there.
        found = frames({"results": dict(enumerate(ask(grafana, targets, minutes=1)))})
        return [column for frame in found for column in frame["schema"]["fields"][1:]]

    def rows() -> set[str]:
        return {column["config"]["displayNameFromDS"] for column in series(axis)}

    assert "journey" in rows()
    # Too little latency for an alert.
    running_lab.lab.model.fault_on("latency", 30, parameters={"seconds": 0.001}, hidden=hidden)
    try:
        assert wait_for(lambda: f"{name} on *" in rows() or None, 20), rows()
        assert name in {column["labels"]["fault"] for column in series(bands)}
        active = running_lab.lab.prometheus.query("lab_fault_active == 1")
        assert {sample.labels["fault"] for sample in active} == {name}
    finally:
        running_lab.lab.model.fault_off()


def test_exemplar_to_trace(tab: Page, grafana: str, running_lab: RunningLab) -> None:
    latency = open_dashboard(tab, grafana, "Latency")
    latency.get_by_test_id("data-testid Exemplar marker").last.hover(force=True)
    link = tab.get_by_role("link", name="Query with Tempo")
    [trace_id] = re.findall(r"[0-9a-f]{32}", unquote(link.get_attribute("href") or ""))
    link.click()
    expect_trace(tab, trace_id)
    assert running_lab.lab.traces().get(trace_id)


def test_trace_to_logs(tab: Page, grafana: str, trace_id: str) -> None:
    open_trace(tab, grafana, trace_id)
    tab.get_by_test_id("SpanLinksMenu").first.get_by_role("button").click()
    tab.get_by_role("menu").get_by_text("Related logs").click()
    # One line of each service that took part.
    for line in ("POST /chat 200", "POST /v1/chat/completions 200"):
        expect(tab.get_by_text(re.compile(re.escape(line))).first).to_be_visible()
    assert f'{{service_namespace=\\"lab\\"}} | trace_id = \\"{trace_id}\\"' in unquote(tab.url).replace("+", " ")


@pytest.mark.parametrize("name", ["Request rate", "95th percentile"])
def test_trace_to_metrics(tab: Page, grafana: str, trace_id: str, name: str) -> None:
    open_trace(tab, grafana, trace_id)
    tab.get_by_test_id("SpanLinksMenu").first.get_by_role("button").click()
    with tab.expect_response(lambda r: asked(r, "prometheus")) as response:
        tab.get_by_role("menu").get_by_text(name).click()
    [frame] = frames(response.value.json())
    assert max(value or 0 for value in frame["data"]["values"][1]) > 0
    assert 'service_name="assistant"' in frame["schema"]["meta"]["executedQueryString"]


def test_log_to_trace(tab: Page, grafana: str, trace_id: str) -> None:
    line = f'{{service_namespace="lab", kind="access"}} | trace_id = "{trace_id}"'
    open_explore(tab, grafana, "loki", expr=line, queryType="range")
    tab.get_by_text("POST /chat 200").first.click()
    tab.get_by_text("Open trace").first.click()
    expect_trace(tab, trace_id)


@pytest.mark.parametrize(
    ("link", "source"), [("Errors and warnings of this time", "loki"), ("Failed traces of this time", "tempo")]
)
def test_panel_to_logs_and_traces_of_the_same_time(tab: Page, grafana: str, link: str, source: str) -> None:
    shown = open_dashboard(tab, grafana, "Failed share")
    with tab.expect_response(lambda r: asked(r, source)):
        point_at_the_line(tab, shown, link).click()
    assert_same_time(tab, source)


def test_figure_to_traces_of_the_same_time(tab: Page, grafana: str) -> None:
    shown = open_dashboard(tab, grafana, "Chat p95")
    with tab.expect_response(lambda r: asked(r, "tempo")):
        shown.get_by_role("link").first.click()
    assert_same_time(tab, "tempo")


def assert_same_time(tab: Page, source: str) -> None:
    """Explore shows the source over the five minutes that the dashboard showed."""
    [pane] = json.loads(parse_qs(urlsplit(tab.url).query)["panes"][0]).values()
    assert pane["datasource"] == source
    start, end = (int(pane["range"][key]) / 1000 for key in ("from", "to"))
    assert end - start == pytest.approx(300, abs=1)
    assert end == pytest.approx(time.time(), abs=120)


def point_at_the_line(tab: Page, shown: Locator, link: str) -> Locator:
    """Click near the line, which lies at the bottom while nothing fails, until the box with its links stays open."""
    area = shown.locator(".u-over").first
    area.wait_for()
    found = tab.get_by_role("link", name=link)
    for share in (0.9, 0.8, 0.7, 0.6):
        box = area.bounding_box()
        assert box
        x, y = box["x"] + box["width"] * share, box["y"] + box["height"] * 0.99
        tab.mouse.move(x, y, steps=5)
        tab.mouse.click(x, y)
        with suppress(PlaywrightTimeout):
            found.first.wait_for(timeout=5000)
            return found.first
    raise AssertionError(f"no link {link!r} on the line of the graph")


def test_one_dashboard_leads_to_the_other_and_back_over_the_same_time(tab: Page, grafana: str) -> None:
    tab.goto(f"{grafana}/d/service?from=now-7m&to=now&refresh=1h")
    for name, there in (("Load", "load"), ("SLOs and incidents", "slo"), ("Service", "service")):
        tab.get_by_role("link", name=name, exact=True).last.click()
        tab.wait_for_url(re.compile(f"/d/{there}[/?]"))
        assert parse_qs(urlsplit(tab.url).query)["from"] == ["now-7m"]
        expect(tab.get_by_text(DASHBOARDS[there]["panels"][0]["title"], exact=True).first).to_be_visible()


@pytest.mark.parametrize(("name", "path"), [("Incidents", "/"), ("On call", "/oncall")])
def test_dashboard_to_the_pager(tab: Page, grafana: str, running_lab: RunningLab, name: str, path: str) -> None:
    """Whatever its port is."""
    tab.goto(f"{grafana}/d/slo?refresh=1h")
    link = tab.get_by_role("link", name=name, exact=True)
    expect(link).to_have_attribute("href", re.compile(f"^{re.escape(running_lab.url('pager'))}"))
    there = httpx.get(link.get_attribute("href") or "", headers={"Accept": "text/html"}, follow_redirects=True)
    assert (there.status_code, there.url.path) == (200, path)


@pytest.mark.parametrize(("name", "seen"), [("Logs", "POST /chat 200"), ("Traces", "POST /chat")])
def test_dashboard_to_logs_and_traces(tab: Page, grafana: str, name: str, seen: str) -> None:
    open_dashboard(tab, grafana, "Failed")
    tab.get_by_role("link", name=name, exact=True).click()
    tab.wait_for_url("**/explore?**")
    expect(tab.get_by_text(seen).first).to_be_visible()


def test_alert_to_runbook_dashboard_and_logs(tab: Page, grafana: str, running_lab: RunningLab) -> None:
    """The Watchdog always fires, so its links can be followed at any time."""
    open_dashboard(tab, grafana, "Failed")
    tab.get_by_role("link", name="Alerts and runbooks").click()
    tab.get_by_test_id("alert-group-collapse-toggle").first.click()
    tab.get_by_test_id("data-testid collapse-toggle").first.click()
    runbook = f"{running_lab.url('pager')}/runbooks/Watchdog"
    expect(tab.locator(f'a[href="{runbook}"]')).to_be_visible()
    expect(tab.locator(f'a[href="{grafana}/d/service"]')).to_be_visible()
    assert httpx.get(runbook).status_code == 200
