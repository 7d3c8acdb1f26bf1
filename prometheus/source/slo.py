"""Renders the rules of an SLO: recording rules for each window, and multiwindow burn-rate alerts.

Windows and burn rates: SRE Workbook, chapter 5 ("Alerting on SLOs", table 5-8), each window divided by 12.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).resolve().parent
RULES = HERE.parent / "rules"
PERIOD = "60h"


@dataclass(frozen=True)
class BurnRate:
    """A threshold over two windows, compared once the shortest window has this number of evaluations."""

    rate: float
    long: str
    short: str
    evaluations: int


@dataclass(frozen=True)
class BurnAlert:
    """An alert on two burn rates; `summary` is the key of its text in the specification."""

    name: str
    severity: str
    hold: str
    pairs: tuple[BurnRate, BurnRate]
    threshold: str
    summary: str
    meaning: str
    lasts: str


# Windows of the recording rules. The rules of long windows are evaluated once a minute.
WINDOWS = {
    "ratio_windows": ("25s", "2m30s", "5m", "10m", "30m"),
    "count_windows": ("5m", "30m"),
    "long_ratio_windows": ("2h", "6h", PERIOD),
    "long_count_windows": ("2h", "6h"),
}
ALERTS = (
    BurnAlert(
        "ErrorBudgetFastBurn",
        "page",
        "5s",
        (BurnRate(14.4, "5m", "25s", 24), BurnRate(6, "30m", "2m30s", 96)),
        "14.4 over 5 min or 6 over 30 min",
        "summary_fast",
        f"A rate of 14.4 uses a fiftieth of the budget of {PERIOD} in 5 min, a rate of 6 a twentieth in 30 min.",
        "and they still do",
    ),
    BurnAlert(
        "ErrorBudgetSlowBurn",
        "ticket",
        "30s",
        (BurnRate(3, "2h", "10m", 96), BurnRate(1, "6h", "30m", 96)),
        "3 over 2 h or 1 over 6 h",
        "summary_slow",
        f"A rate of 3 uses a tenth of the budget of {PERIOD} in 2 h, a rate of 1 a tenth in 6 h.",
        "also in the last minutes",
    ),
)


def specifications() -> list[dict[str, Any]]:
    """Return the SLOs of slos.yml."""
    loaded: list[dict[str, Any]] = yaml.safe_load((HERE / "slos.yml").read_text(encoding="utf-8"))
    return loaded


def render(slo: Mapping[str, Any]) -> str:
    """Return the rule file of one SLO as YAML.

    Args:
        slo: a specification with `total`, and `bad` or `good`: PromQL with [%w] for the window.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE),
        # Prometheus' own templates have {{ }}.
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - YAML, no HTML
    )
    return environment.get_template("slo.yml.j2").render(
        slo=slo,
        period=PERIOD,
        **WINDOWS,
        alerts=ALERTS,
    )
