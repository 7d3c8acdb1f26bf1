"""The committed dashboards equal their source, and use only metrics that exist."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.source import DASHBOARDS
from grafana.source.layout import to_json
from grafana.source.slo.budget import SLOS
from loadtest.stats import metric_names
from services.telemetry import names
from tests.support.labs.programs import program

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "grafana" / "dashboards"
SOURCE_UIDS = {"prometheus", "loki", "tempo", "alertmanager"}
# Panels whose content has no unit.
WITHOUT_UNIT = {"row", "logs", "alertlist", "text"}
# Made by the servers, not by our services.
SERVER_METRICS = {"up", "ALERTS", "scrape_duration_seconds", "scrape_samples_scraped"}
# Values of Grafana's variables.
VARIABLES = {"$__rate_interval": "1m", "$__auto": "1m", "$__range": "15m", "$route": ".+"}


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every panel, also those inside collapsed rows."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def filled(query: str) -> str:
    """Return the query with values in place of Grafana's variables."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    assert "$" not in query, f"unknown variable in {query}"
    return query


def queries(dashboard: dict[str, Any], source: str) -> list[str]:
    """Return every query to a data source: of panels, annotations and variables."""
    found = [
        target["expr"]
        for panel in panels(dashboard)
        for target in panel.get("targets", [])
        if target["datasource"]["uid"] == source
    ]
    found += [a["expr"] for a in dashboard["annotations"]["list"] if a["datasource"]["uid"] == source]
    for variable in dashboard["templating"].get("list", []):
        if variable["datasource"]["uid"] == source:
            found.append(re.sub(r"^label_values\((.*), \w+\)$", r"\1", variable["query"]["query"]))
    return [filled(query) for query in found]


def metrics_of(query: str) -> set[str]:
    """Return the metric names of a PromQL query: the words that are no matchers, labels, functions or keywords."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    words = re.findall(r"[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()", bare)
    return {word for word in words if word not in {"or", "and", "unless", "bool", "offset"}}


def our_metrics() -> set[str]:
    """Return every series name that the services export or the rules record."""
    declared = {
        value
        for name, value in (vars(names) | vars(metric_names)).items()
        if name.isupper() and isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", value)
    }
    histograms = {metric + suffix for metric in declared for suffix in ("_bucket", "_count", "_sum")}
    recorded = {
        rule["record"]
        for path in (ROOT / "prometheus" / "rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    return declared | histograms | recorded


@pytest.fixture(params=sorted(DASHBOARDS))
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((COMMITTED / f"{request.param}.json").read_text(encoding="utf-8"))
    return loaded


def test_the_committed_files_equal_their_source() -> None:
    made = {name: to_json(dashboard) for name, dashboard in DASHBOARDS.items()}
    committed = {path.stem: path.read_text(encoding="utf-8") for path in COMMITTED.glob("*.json")}
    assert committed == made, "run `python -m grafana.source`"


def test_every_data_source_is_one_of_the_four(dashboard: dict[str, Any]) -> None:
    text = json.dumps(dashboard)
    assert "${DS_" not in text
    found = set(re.findall(r'"uid": "([^"]+)"', text.replace(f'"uid": "{dashboard["uid"]}"', "")))
    assert found
    assert found <= SOURCE_UIDS
    for panel in panels(dashboard):
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] in SOURCE_UIDS, panel["title"]


def test_every_panel_has_title_description_and_unit(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        assert panel["title"]
        if panel["type"] == "row":
            continue
        assert len(panel["description"]) > 20, panel["title"]
        if panel["type"] not in WITHOUT_UNIT:
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["targets"], panel["title"]


def test_panels_have_unique_titles_and_ids_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    listed = list(panels(dashboard))
    for key in ("id", "title"):
        assert len({panel[key] for panel in listed}) == len(listed), key
    taken: set[tuple[int, int]] = set()
    for panel in listed:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_promql_query_parses(dashboard: dict[str, Any], tmp_path: Path) -> None:
    rules = [{"record": f"query:{i}", "expr": query} for i, query in enumerate(queries(dashboard, "prometheus"))]
    assert len(rules) > 20
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([program("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_exists(dashboard: dict[str, Any]) -> None:
    used = set().union(*(metrics_of(query) for query in queries(dashboard, "prometheus")))
    assert len(used) > 15
    assert used - our_metrics() - SERVER_METRICS == set()


def test_every_label_of_a_legend_is_a_label_of_its_query(dashboard: dict[str, Any]) -> None:
    targets = [target for panel in panels(dashboard) for target in panel.get("targets", [])]
    assert targets
    for target in targets:
        kept = re.findall(r"\bby \(([^)]*)\)", target["expr"])
        labels = {label.strip() for listed in kept for label in listed.split(",")}
        # A recorded series of an SLO has its labels from the rule.
        labels |= {"slo"} if "slo:" in target["expr"] else set()
        assert set(re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))) <= labels, target["expr"]


def test_the_metric_names_are_found_in_a_query() -> None:
    query = (
        'histogram_quantile(0.95, sum by (le, x) (rate(a_seconds_bucket{b="c",d=~"e|f"}[1m]))) / max(g:h) or vector(0)'
    )
    assert metrics_of(query) == {"a_seconds_bucket", "g:h"}


def test_every_scrape_target_is_on_the_first_dashboard() -> None:
    """The pager's own loss pages no one, so each scraped server is on the dashboard."""
    loaded = json.loads((COMMITTED / "service.json").read_text(encoding="utf-8"))
    assert "min by (job) (up)" in queries(loaded, "prometheus")


def test_the_lines_in_the_error_panel_are_the_thresholds_of_the_alerts() -> None:
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "prometheus" / "rules").glob("*.yml"))
    alerted = {float(value) for value in re.findall(r"job:ai_requests_failed:ratio_rate1m\s*>\s*([0-9.]+)", rules)}
    loaded = json.loads((COMMITTED / "service.json").read_text(encoding="utf-8"))
    [panel] = [panel for panel in panels(loaded) if panel["title"] == "Failed share"]
    drawn = {step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]}
    assert alerted
    assert alerted <= drawn


def test_the_lines_of_the_burn_rates_are_the_thresholds_of_the_alerts() -> None:
    """And each graph compares the windows that its alert compares."""
    rules = (ROOT / "prometheus" / "rules" / "slo-bookings.yml").read_text(encoding="utf-8")
    compared = r"ratio_rate(\w+)\{[^}]*\} / slo:error_budget:ratio > ([\d.]+)\s+and slo:sli_error:ratio_rate(\w+) "
    alerted = {(long, short, float(times)) for long, times, short in re.findall(compared, rules)}
    loaded = json.loads((COMMITTED / "slo.json").read_text(encoding="utf-8"))
    drawn = set()
    for panel in panels(loaded):
        if panel["title"].startswith("Burn over"):
            long, short = re.findall(
                r"^\(\(slo:sli_error:ratio_rate(\w+) < slo:sli_error:ratio_rate(\w+)\)", panel["targets"][0]["expr"]
            )[0]
            drawn.add((long, short, panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]))
    assert len(alerted) == 4
    assert drawn == alerted


def test_the_texts_of_the_objectives_equal_the_rules() -> None:
    """The words on the dashboard, such as "of 100 bookings 1 may fail", are the budgets of the rules."""
    for slo, words in SLOS.items():
        rules = (ROOT / "prometheus" / "rules" / f"slo-{slo}.yml").read_text(encoding="utf-8")
        [objective] = re.findall(r"expr: vector\((0\.\d+)\)", rules)
        of, may = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+", words)[:2])
        assert may / of == pytest.approx(1 - float(objective))


def test_the_source_imports_only_metric_names() -> None:
    for path in (ROOT / "grafana" / "source").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            if node.module.split(".")[0] in {"services", "lab", "loadtest", "exercises"}:
                imported = (node.module, [alias.name for alias in node.names])
                assert imported in (("services.telemetry", ["names"]), ("loadtest.stats", ["metric_names"])), path


def test_automatic_actions_of_the_pager_are_annotations(dashboard: dict[str, Any]) -> None:
    [band] = [one for one in dashboard["annotations"]["list"] if one["name"] == "Automatic actions"]
    assert names.PAGER_REMEDIATIONS in band["expr"]
    reported = band["titleFormat"] + band["textFormat"]
    assert set(re.findall(r"{{(\w+)}}", reported)) == set(names.PAGER_REMEDIATIONS_LABELS)
