"""Rules of the lab that no server checks: labels, annotations, runbook, dashboard."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import yaml

from lab.checks.finding import Finding
from lab.checks.yaml_files import YamlFile, entries, value_of

LABELS = {
    "severity": ("page", "ticket", "none"),
    "role": ("cause", "symptom", "heartbeat"),
    "service": (),
}
ANNOTATIONS = ("summary", "description", "runbook_url", "dashboard_url", "logs_url")
# What a file prometheus/rules/slo-NAME.yml records, besides the error ratios.
SLO_RECORDS = (
    "slo:objective:ratio",
    "slo:error_budget:ratio",
    "slo:current_burn_rate:ratio",
    "slo:period_error_budget_remaining:ratio",
    "sloth_slo_info",
)
_RATIO = re.compile(r"slo:sli_error:ratio_rate\w+")


def check_rules(root: Path, file: YamlFile) -> list[Finding]:
    """Return the findings in the rules of a file."""
    findings = list(_shape(file))
    for line, alert, common in _rules(file, "alert"):
        findings += _alert(root, file.name, line, alert, common)
    slo = re.fullmatch(r"prometheus/rules/slo-(?P<name>[\w-]+)\.yml", file.name)
    return [*findings, *_slo(file, slo["name"])] if slo else findings


def unread(root: Path) -> list[Finding]:
    """Return a finding for each rule file that no server reads because of its folder or name."""
    findings = []
    for folder, remedy in (
        ("prometheus/rules", "Prometheus reads prometheus/rules/*.yml: call it so."),
        ("loki/rules", "Loki reads loki/rules/fake/*.yml (`fake` is its only tenant): put it there."),
    ):
        home = root / folder / ("fake" if folder.startswith("loki") else "")
        for file in sorted((root / folder).rglob("*")):
            if file.is_file() and not file.name.startswith(".") and (file.parent, file.suffix) != (home, ".yml"):
                findings.append(Finding(file.relative_to(root).as_posix(), 0, "is read by no server", remedy))
    return findings


def _shape(file: YamlFile) -> Iterator[Finding]:
    groups = file.data.get("groups") if isinstance(file.data, dict) else None
    if not isinstance(groups, list) or not groups:
        yield Finding(file.name, 1, "has no rules", "A rule file begins with `groups:`, a list of groups of rules.")


def _rules(file: YamlFile, kind: str) -> Iterator[tuple[int, yaml.MappingNode, dict[str, str]]]:
    """Yield every rule of a kind with its line and the labels of its group."""
    for line, group in entries(file.node, "rules"):
        common, _ = _texts(group, "labels", line)
        for rule_line, rule in entries(value_of(group, "rules"), kind):
            yield rule_line, rule, common


def _alert(root: Path, file: str, line: int, alert: yaml.MappingNode, common: dict[str, str]) -> Iterator[Finding]:
    name = str(getattr(value_of(alert, "alert"), "value", ""))
    finding = partial(Finding, file)
    own, label_line = _texts(alert, "labels", line)
    labels = {**common, **own}
    for label, allowed in LABELS.items():
        value = labels.get(label, "")
        if not value:
            example = f"one of {', '.join(allowed)}" if allowed else 'service: "{{ $labels.job }}"'
            yield finding(label_line, f"{name} has no label `{label}`", f"Add it below `labels`: {example}.")
        elif allowed and value not in allowed:
            yield finding(
                label_line,
                f"{name} has {label} `{value}`, which no route handles",
                f"Write one of {', '.join(allowed)}.",
            )
    annotations, annotation_line = _texts(alert, "annotations", line)
    for annotation in ANNOTATIONS:
        if not annotations.get(annotation, "").strip():
            yield finding(
                annotation_line,
                f"{name} has no annotation `{annotation}`",
                "Add it below `annotations`, like the other alerts of the file.",
            )
    if not (root / "runbooks" / f"{name}.md").is_file():
        yield finding(
            line, f"{name} has no runbook", f"Write runbooks/{name}.md: Meaning, Impact, Diagnosis, Mitigation."
        )
    runbook = annotations.get("runbook_url", "")
    if runbook and not runbook.endswith(f"}}/runbooks/{name}"):
        yield finding(
            annotation_line,
            f"{name} has the runbook_url of another page",
            f"It ends in /runbooks/{name}, after {{{{ $externalLabels.pager_url }}}}.",
        )
    board = re.search(r"/d/([\w-]+)", annotations.get("dashboard_url", ""))
    if board and not (root / "grafana" / "dashboards" / f"{board[1]}.json").is_file():
        known = ", ".join(sorted(each.stem for each in (root / "grafana" / "dashboards").glob("*.json")))
        yield finding(
            annotation_line,
            f"{name} links to the dashboard `{board[1]}`, which does not exist",
            f"Dashboards: {known}.",
        )


def _texts(alert: yaml.MappingNode, key: str, line: int) -> tuple[dict[str, str], int]:
    node = value_of(alert, key)
    if not isinstance(node, yaml.MappingNode):
        return {}, line
    return {one.value: str(value.value) for one, value in node.value}, node.start_mark.line + 1


def _slo(file: YamlFile, name: str) -> Iterator[Finding]:
    finding = partial(Finding, file.name)
    records = {}
    for line, rule, common in _rules(file, "record"):
        record = str(getattr(value_of(rule, "record"), "value", ""))
        records[record] = line
        own, label_line = _texts(rule, "labels", line)
        labels = {**common, **own}
        if labels.get("slo") != name and (record in SLO_RECORDS or _RATIO.fullmatch(record)):
            yield finding(label_line, f"{record} has slo `{labels.get('slo', '')}`", f"The file is called slo-{name}.")
    for record in SLO_RECORDS:
        if record not in records:
            yield finding(0, f"does not record {record}", "Take the other SLO files as a pattern.")
    if sum(1 for record in records if _RATIO.fullmatch(record)) < 2:
        yield finding(
            0,
            "records slo:sli_error:ratio_rateWINDOW for fewer than two windows",
            "A burn rate is looked at over a short and a long window: record both.",
        )
