"""What no server asks of a rule file, and the lab does: labels, annotations, a runbook, a dashboard that exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from lab.checks.texts import YamlFile, entries, value_of
from lab.checks.types import Fault

LABELS = {
    "severity": ("page", "ticket", "none"),
    "role": ("cause", "symptom", "heartbeat"),
    "service": (),
}
ANNOTATIONS = ("summary", "description", "runbook_url", "dashboard_url", "logs_url")
# What a file prometheus/rules/slo-NAME.yml records, beside the error ratio of each window.
SLO_RECORDS = (
    "slo:objective:ratio",
    "slo:error_budget:ratio",
    "slo:current_burn_rate:ratio",
    "slo:period_error_budget_remaining:ratio",
    "sloth_slo_info",
)
_RATIO = re.compile(r"slo:sli_error:ratio_rate\w+")


def check_rules(root: Path, file: YamlFile) -> list[Fault]:
    """What the alerts of a rule file lack."""
    faults = list(_shape(file))
    for line, alert, common in _rules(file, "alert"):
        faults += _alert(root, file.name, line, alert, common)
    slo = re.fullmatch(r"prometheus/rules/slo-(?P<name>[\w-]+)\.yml", file.name)
    return [*faults, *_slo(file, slo["name"])] if slo else faults


def unread(root: Path) -> list[Fault]:
    """Rule files that no server reads, because of where they stand or how they are called."""
    faults = []
    for folder, remedy in (
        ("prometheus/rules", "Prometheus reads prometheus/rules/*.yml: call it so."),
        ("loki/rules", "Loki reads loki/rules/fake/*.yml (`fake` is its only tenant): put it there."),
    ):
        home = root / folder / ("fake" if folder.startswith("loki") else "")
        for file in sorted((root / folder).rglob("*")):
            if file.is_file() and not file.name.startswith(".") and (file.parent, file.suffix) != (home, ".yml"):
                faults.append(Fault(file.relative_to(root).as_posix(), 0, "is read by no server", remedy))
    return faults


def _shape(file: YamlFile) -> Iterator[Fault]:
    groups = file.data.get("groups") if isinstance(file.data, dict) else None
    if not isinstance(groups, list) or not groups:
        yield Fault(file.name, 1, "has no rules", "A rule file begins with `groups:`, a list of groups of rules.")


def _rules(file: YamlFile, kind: str) -> Iterator[tuple[int, yaml.MappingNode, dict[str, str]]]:
    """Every rule of a kind with its line and the labels that its group gives it."""
    for line, group in entries(file.node, "rules"):
        common, _ = _texts(group, "labels", line)
        for rule_line, rule in entries(value_of(group, "rules"), kind):
            yield rule_line, rule, common


def _alert(root: Path, file: str, line: int, alert: yaml.MappingNode, common: dict[str, str]) -> Iterator[Fault]:
    name = str(getattr(value_of(alert, "alert"), "value", ""))
    own, label_line = _texts(alert, "labels", line)
    labels = {**common, **own}
    for label, allowed in LABELS.items():
        value = labels.get(label, "")
        if not value:
            example = f"one of {', '.join(allowed)}" if allowed else 'service: "{{ $labels.job }}"'
            yield Fault(file, label_line, f"{name} has no label `{label}`", f"Add it below `labels`: {example}.")
        elif allowed and value not in allowed:
            yield Fault(
                file,
                label_line,
                f"{name} has {label} `{value}`, which nobody is told of",
                f"Write one of {', '.join(allowed)}.",
            )
    annotations, annotation_line = _texts(alert, "annotations", line)
    for annotation in ANNOTATIONS:
        if not annotations.get(annotation, "").strip():
            yield Fault(
                file,
                annotation_line,
                f"{name} has no annotation `{annotation}`",
                "Add it below `annotations`, as the alerts beside it have it.",
            )
    if not (root / "runbooks" / f"{name}.md").is_file():
        yield Fault(
            file,
            line,
            f"{name} has no runbook",
            f"Write runbooks/{name}.md: Meaning, Impact, Diagnosis, Mitigation.",
        )
    runbook = annotations.get("runbook_url", "")
    if runbook and not runbook.endswith(f"}}/runbooks/{name}"):
        yield Fault(
            file,
            annotation_line,
            f"{name} has a runbook_url that leads to another page",
            f"It ends in /runbooks/{name}, after {{{{ $externalLabels.pager_url }}}}.",
        )
    board = re.search(r"/d/([\w-]+)", annotations.get("dashboard_url", ""))
    if board and not (root / "grafana" / "dashboards" / f"{board[1]}.json").is_file():
        known = ", ".join(sorted(each.stem for each in (root / "grafana" / "dashboards").glob("*.json")))
        yield Fault(
            file, annotation_line, f"{name} names a dashboard `{board[1]}` that there is not", f"There are: {known}."
        )


def _texts(alert: yaml.MappingNode, key: str, line: int) -> tuple[dict[str, str], int]:
    node = value_of(alert, key)
    if not isinstance(node, yaml.MappingNode):
        return {}, line
    return {one.value: str(value.value) for one, value in node.value}, node.start_mark.line + 1


def _slo(file: YamlFile, name: str) -> Iterator[Fault]:
    records = {}
    for line, rule, common in _rules(file, "record"):
        record = str(getattr(value_of(rule, "record"), "value", ""))
        records[record] = line
        own, label_line = _texts(rule, "labels", line)
        labels = {**common, **own}
        if labels.get("slo") != name and (record in SLO_RECORDS or _RATIO.fullmatch(record)):
            yield Fault(
                file.name, label_line, f"{record} has slo `{labels.get('slo', '')}`", f"The file is called slo-{name}."
            )
    for record in SLO_RECORDS:
        if record not in records:
            yield Fault(file.name, 0, f"does not record {record}", "Take the other SLO files as a pattern.")
    if sum(1 for record in records if _RATIO.fullmatch(record)) < 2:
        yield Fault(
            file.name,
            0,
            "records slo:sli_error:ratio_rateWINDOW for fewer than two windows",
            "A burn rate is looked at over a short and a long window: record both.",
        )
