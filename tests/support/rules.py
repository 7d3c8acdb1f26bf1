"""Prometheus's rules, their tests and the runbooks, read from the repository."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.settings import ROOT

RULES = ROOT / "prometheus" / "rules"
RULE_TESTS = ROOT / "prometheus" / "tests"
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
    """Every rule of every file, alerts and recordings."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> list[Alert]:
    """The alert rules."""
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"]) for rule in rules() if "alert" in rule
    ]


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
