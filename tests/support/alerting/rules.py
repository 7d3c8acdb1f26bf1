"""Prometheus's and Loki's rules, their tests and the runbooks, read from the repository."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.settings import ROOT

RULES = ROOT / "prometheus" / "rules"
RULE_TESTS = ROOT / "prometheus" / "tests"
LOG_RULES = ROOT / "loki" / "rules" / "fake"
RUNBOOKS = ROOT / "runbooks"
ALERTMANAGER = ROOT / "alertmanager" / "alertmanager.yml"

_FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Alert:
    """An alert rule."""

    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]


def rules() -> list[dict[str, Any]]:
    """Every rule of every file of Prometheus, alerts and recordings."""
    return _rules(RULES)


def alerts() -> list[Alert]:
    """The alert rules of Prometheus."""
    return _alerts(RULES)


def log_alerts() -> list[Alert]:
    """The alert rules of Loki's ruler."""
    return _alerts(LOG_RULES)


def _rules(folder: Path) -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def _alerts(folder: Path) -> list[Alert]:
    found = [rule for rule in _rules(folder) if "alert" in rule]
    return [Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"]) for rule in found]


def rule_tests() -> list[dict[str, Any]]:
    """Every test case of promtool."""
    return [case for path in sorted(RULE_TESTS.glob("*.yml")) for case in yaml.safe_load(path.read_text())["tests"]]


def fences(page: Path, language: str) -> list[str]:
    """The code blocks of a runbook in a language (promql, logql, console)."""
    return [
        "\n".join(line.strip() for line in text.splitlines())
        for name, text in _FENCE.findall(page.read_text())
        if name == language
    ]
